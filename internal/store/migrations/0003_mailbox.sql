-- A box is one mailbox; its counters are taken under this row, in the commit
-- that uses them, so that no number is given twice and history has one order.
CREATE TABLE mailbox_box (
	box         BIGINT PRIMARY KEY,
	modseq      BIGINT NOT NULL,   -- the last that was given
	email       BIGINT NOT NULL,   -- the last that was given
	uidvalidity BIGINT NOT NULL,   -- the last that was given
	messages    BIGINT NOT NULL,   -- what a quota counts
	bytes       BIGINT NOT NULL
);

CREATE TABLE mailbox_folder_id (last BIGINT NOT NULL);
INSERT INTO mailbox_folder_id (last) VALUES (0);

CREATE TABLE mailbox_folder (
	id          BIGINT PRIMARY KEY,
	box         BIGINT NOT NULL REFERENCES mailbox_box (box),
	name        TEXT NOT NULL,
	special_use TEXT NOT NULL,
	uidvalidity BIGINT NOT NULL,
	uidnext     BIGINT NOT NULL,
	modseq      BIGINT NOT NULL,   -- the highest of its messages and expunges
	messages    BIGINT NOT NULL,
	unseen      BIGINT NOT NULL,
	deleted     BIGINT NOT NULL,
	bytes       BIGINT NOT NULL,
	UNIQUE (box, name)
);

CREATE TABLE mailbox_subscription (
	box  BIGINT NOT NULL,
	name TEXT NOT NULL,
	PRIMARY KEY (box, name)
);

-- What all copies of a message in one box share.
CREATE TABLE mailbox_email (
	box       BIGINT NOT NULL,
	id        BIGINT NOT NULL,
	blob      TEXT NOT NULL,
	prefix    BYTEA NOT NULL,      -- served before the content,
	skip      BIGINT NOT NULL,     -- which is served from here on
	envelope  BYTEA NOT NULL,
	structure BYTEA NOT NULL,
	refs      BIGINT NOT NULL,     -- mailbox_message rows that name it
	PRIMARY KEY (box, id)
);

-- Narrow, so that a whole folder is read fast.
CREATE TABLE mailbox_message (
	folder        BIGINT NOT NULL,
	uid           BIGINT NOT NULL,
	modseq        BIGINT NOT NULL,
	flags         BIGINT NOT NULL, -- mailbox.System
	keywords      TEXT NOT NULL,
	internal_date BIGINT NOT NULL,
	size          BIGINT NOT NULL, -- octets served
	email         BIGINT NOT NULL,
	PRIMARY KEY (folder, uid)
);
CREATE INDEX mailbox_message_modseq ON mailbox_message (folder, modseq);

CREATE TABLE mailbox_expunged (
	folder BIGINT NOT NULL,
	modseq BIGINT NOT NULL,
	uid    BIGINT NOT NULL,
	PRIMARY KEY (folder, modseq, uid)
);
