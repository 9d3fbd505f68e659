-- compatible from 0026
-- What lists of messages show, of all messages of a block of UIDs in one row: see mailbox/page.go. A row
-- can be made again at any time, and goes with the first of its messages that goes.
CREATE TABLE mailbox_page (
	folder   BIGINT NOT NULL,
	block    BIGINT NOT NULL,
	kind     BIGINT NOT NULL,      -- mailbox.PageKind
	messages BIGINT NOT NULL,      -- how many there are in the block
	data     BYTEA NOT NULL,
	PRIMARY KEY (folder, block, kind)
);
