-- compatible from 0026
-- How much senders are trusted in whose mail: see internal/trust. Rows lie in the order of
-- the key, so that a look-up, and the list of a scope, read one place.
CREATE TABLE trust (
	scope  TEXT NOT NULL,   -- trust.Scope: m and a mailbox's number, d and a domain's, or an address
	sender TEXT NOT NULL,   -- folded
	weight BIGINT NOT NULL, -- in thousandths, at used
	used   BIGINT NOT NULL, -- the last use, or lesson
	learnt BIGINT NOT NULL, -- the last lesson
	how    BIGINT NOT NULL, -- trust.How, added up
	PRIMARY KEY (scope, sender)
) WITHOUT ROWID;

-- What the release of a held message taught, for as long as there is a row of it.
CREATE TABLE trust_lesson (
	held   TEXT PRIMARY KEY,
	scope  TEXT NOT NULL,
	sender TEXT NOT NULL,
	weight BIGINT NOT NULL  -- by so much it was raised
);

-- Who learns to trust the recipient when this is carried: trust.Scope; '': nobody.
ALTER TABLE queue_transfer ADD COLUMN teach TEXT NOT NULL DEFAULT '';

-- Who learns from a domain's outgoing mail: mailbox, domain, off; '': mailbox.
ALTER TABLE domain ADD COLUMN learn_outgoing TEXT NOT NULL DEFAULT '';
