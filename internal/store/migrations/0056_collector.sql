-- compatible from 0026
-- Accounts elsewhere from which mail is fetched (package collector).
CREATE TABLE collector (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	name     TEXT NOT NULL UNIQUE,
	box      BIGINT NOT NULL,   -- the mailbox
	settings TEXT NOT NULL,     -- JSON: collector.Settings
	password BYTEA NOT NULL,    -- encrypted
	token    TEXT NOT NULL,
	paused   BIGINT NOT NULL,
	due      BIGINT NOT NULL,
	last     BIGINT NOT NULL,   -- run; 0: none
	good     BIGINT NOT NULL,   -- run without a fault
	failing  BIGINT NOT NULL,   -- since when; 0: the last run was good
	failures BIGINT NOT NULL,   -- in a row
	fault    TEXT NOT NULL,
	told     BIGINT NOT NULL,
	taken    BIGINT NOT NULL,   -- messages
	size     BIGINT NOT NULL,   -- their octets
	unfit    BIGINT NOT NULL    -- messages that could not be taken
);
CREATE INDEX collector_due ON collector (due) WHERE paused = 0;
CREATE INDEX collector_box ON collector (box);

-- What was taken from them, or is not to be. A row of a message that was taken is written by the commit that took it.
CREATE TABLE collector_mark (
	account  BIGINT NOT NULL,
	folder   TEXT NOT NULL,
	validity BIGINT NOT NULL,   -- UIDVALIDITY; 0 for POP3
	id       TEXT NOT NULL,     -- UID or UIDL; '': the folder
	fate     BIGINT NOT NULL,   -- collector.Fate
	sum      BYTEA NOT NULL,    -- SHA-256 of the content; empty: it was not fetched
	size     BIGINT NOT NULL,
	time     BIGINT NOT NULL,
	PRIMARY KEY (account, folder, validity, id)
) WITHOUT ROWID;
