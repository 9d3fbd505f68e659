-- How far a domain's digests have come.
CREATE TABLE digest_run (
	domain TEXT PRIMARY KEY,
	slot   BIGINT NOT NULL,   -- the last hour that was done
	until  BIGINT NOT NULL    -- held up to then was looked at
);

-- How much a reader of digests was told: a mailbox by its number, or an address that has
-- none here.
CREATE TABLE digest_told (
	box       BIGINT NOT NULL, -- 0: none
	recipient TEXT NOT NULL,   -- folded; '' where there is a box
	domain    TEXT NOT NULL,   -- whose run told it last
	until     BIGINT NOT NULL, -- what was held up to then
	warned    BIGINT NOT NULL, -- holds that end up to then
	ends      BIGINT NOT NULL, -- the first end after that; 0: there is none
	sent      BIGINT NOT NULL, -- when the last digest was; 0: never
	off       BIGINT NOT NULL, -- 1: an address that wants none; a mailbox says so in its own row
	PRIMARY KEY (box, recipient)
);
CREATE INDEX digest_told_ends ON digest_told (domain, ends) WHERE ends > 0;
