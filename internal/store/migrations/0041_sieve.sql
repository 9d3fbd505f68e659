-- compatible from 0026
-- The Sieve scripts of mailboxes, and what they remember: see sieve.go.
CREATE TABLE sieve_script (
	box     BIGINT NOT NULL,
	name    TEXT NOT NULL,
	content BYTEA NOT NULL,
	changed BIGINT NOT NULL, -- when content was put, microseconds
	PRIMARY KEY (box, name)
) WITHOUT ROWID;

-- Each box that ever had scripts. Nodes follow the revisions.
CREATE TABLE sieve_box (
	box      BIGINT PRIMARY KEY,
	revision BIGINT NOT NULL, -- of the last change of its scripts
	active   TEXT NOT NULL    -- the script that runs; '' for none
);
CREATE UNIQUE INDEX sieve_box_revision ON sieve_box (revision);

-- The last revision. Who changes scripts locks its row, so that revisions are seen in order.
CREATE TABLE sieve_revision (
	id    BIGINT PRIMARY KEY, -- 1
	value BIGINT NOT NULL
);
INSERT INTO sieve_revision (id, value) VALUES (1, 0);

-- Whom vacation answered, and what "duplicate" knows again.
CREATE TABLE sieve_memory (
	box     BIGINT NOT NULL,
	id      TEXT NOT NULL,
	expires BIGINT NOT NULL, -- microseconds
	PRIMARY KEY (box, id)
) WITHOUT ROWID;
CREATE INDEX sieve_memory_expires ON sieve_memory (expires);

-- What was known of a message whose local transfer waits: see queue.Judged.
ALTER TABLE queue_transfer ADD COLUMN proof TEXT NOT NULL DEFAULT '';
ALTER TABLE queue_transfer ADD COLUMN spam DOUBLE PRECISION NOT NULL DEFAULT -1; -- 0 to 100; below: nobody looked
ALTER TABLE queue_transfer ADD COLUMN virus BIGINT NOT NULL DEFAULT 0;
