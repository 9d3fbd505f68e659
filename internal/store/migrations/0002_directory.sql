-- Counters of the directory. "revision" is taken in the commit of each change, so
-- that changes become visible in its order; "id" is the last given to a row.
CREATE TABLE directory_counter (
	name  TEXT PRIMARY KEY,
	value BIGINT NOT NULL
);
INSERT INTO directory_counter (name, value) VALUES ('revision', 0), ('id', 0);

-- In each table, revision is that of the row's last change.
CREATE TABLE domain (
	name        TEXT PRIMARY KEY,    -- lower-case A-labels
	id          BIGINT NOT NULL UNIQUE,
	policy      TEXT NOT NULL,
	disposition TEXT NOT NULL,
	challenge   TEXT NOT NULL,
	created     BIGINT NOT NULL,
	revision    BIGINT NOT NULL
);
CREATE INDEX domain_revision ON domain (revision);

CREATE TABLE mailbox (
	address       TEXT PRIMARY KEY,  -- folded
	id            BIGINT NOT NULL UNIQUE,
	password_hash TEXT NOT NULL,     -- argon2id, or '' for none
	scram         TEXT NOT NULL,     -- RFC 5803
	language      TEXT NOT NULL,
	state         TEXT NOT NULL,
	created       BIGINT NOT NULL,
	revision      BIGINT NOT NULL
);
CREATE INDEX mailbox_revision ON mailbox (revision);

CREATE TABLE alias (
	address  TEXT PRIMARY KEY,       -- folded
	targets  TEXT NOT NULL,          -- one address a line
	created  BIGINT NOT NULL,
	revision BIGINT NOT NULL
);
CREATE INDEX alias_revision ON alias (revision);

CREATE TABLE list_entry (
	id         BIGINT PRIMARY KEY,
	list       TEXT NOT NULL,
	kind       TEXT NOT NULL,
	value      TEXT NOT NULL,
	scope_kind TEXT NOT NULL,
	scope_name TEXT NOT NULL,
	origin     TEXT NOT NULL,
	note       TEXT NOT NULL,
	created    BIGINT NOT NULL,
	expires    BIGINT NOT NULL,      -- 0: never
	hits       BIGINT NOT NULL,
	last_hit   BIGINT NOT NULL,      -- 0: not yet
	revision   BIGINT NOT NULL,
	UNIQUE (scope_kind, scope_name, value, list, kind)
);
CREATE INDEX list_entry_revision ON list_entry (revision);
CREATE INDEX list_entry_value ON list_entry (value, id);

-- What was removed, so that who follows hears of it. Old rows are cut; who is
-- further behind loads everything again.
CREATE TABLE directory_gone (
	kind     TEXT NOT NULL,          -- the table
	name     TEXT NOT NULL,          -- its row's key
	revision BIGINT NOT NULL,
	PRIMARY KEY (kind, name)
);
CREATE INDEX directory_gone_revision ON directory_gone (revision);
