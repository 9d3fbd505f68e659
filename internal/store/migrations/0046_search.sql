-- compatible from 0026
-- Which texts the e-mails of a box may hold: see mailbox_search.go.
CREATE TABLE mailbox_search (
	box   BIGINT PRIMARY KEY,
	done  BIGINT NOT NULL,         -- all e-mails up to here are in the index
	block BIGINT NOT NULL,         -- the last that was given
	gone  BIGINT NOT NULL          -- e-mails in blocks that are there no more
);

-- Signatures (mailbox.Signature) that are in no block yet.
CREATE TABLE mailbox_search_loose (
	box   BIGINT NOT NULL,
	email BIGINT NOT NULL,
	size  BIGINT NOT NULL,         -- octets
	bits  BYTEA NOT NULL,
	PRIMARY KEY (box, email)
);

-- A block is many signatures of one size, turned: of each bit, which of them have it.
CREATE TABLE mailbox_search_block (
	box    BIGINT NOT NULL,
	block  BIGINT NOT NULL,
	size   BIGINT NOT NULL,
	emails BYTEA NOT NULL,         -- whose they are, in order
	PRIMARY KEY (box, block)
);
CREATE TABLE mailbox_search_bits (
	box   BIGINT NOT NULL,
	block BIGINT NOT NULL,
	part  BIGINT NOT NULL,
	bits  BYTEA NOT NULL,          -- of some bits that follow one another
	PRIMARY KEY (box, block, part)
);

-- Which messages of a folder are copies of what was found.
CREATE INDEX mailbox_message_email ON mailbox_message (folder, email);
