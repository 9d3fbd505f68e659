-- An alias is one of several kinds; copies are where a mailbox's mail goes, too.
ALTER TABLE alias ADD COLUMN kind TEXT NOT NULL DEFAULT 'alias'; -- alias, forward, distribution
ALTER TABLE alias ADD COLUMN post TEXT NOT NULL DEFAULT '';      -- of a distribution list: all, domain, members
ALTER TABLE alias ADD COLUMN owner TEXT NOT NULL DEFAULT '';     -- of a distribution list: who gets its bounces
ALTER TABLE mailbox ADD COLUMN copies TEXT NOT NULL DEFAULT '';  -- one address a line

-- Keys that the nodes of one store share. Each is made once, at random.
CREATE TABLE secret (
	name  TEXT PRIMARY KEY,
	value BYTEA NOT NULL
);
