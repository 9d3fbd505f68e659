-- compatible from 0026
-- Flags that messages have and their rows do not say yet: see mailbox_noted.go. A release that does not know
-- this table sees, of what a kill has left here, the flags of before.
CREATE TABLE mailbox_noted (
	folder   BIGINT NOT NULL,
	first    BIGINT NOT NULL,      -- UIDs
	last     BIGINT NOT NULL,
	modseq   BIGINT NOT NULL,      -- of the change; what has a higher one was changed since
	flags    BIGINT NOT NULL,
	keywords TEXT NOT NULL,
	PRIMARY KEY (folder, first)
);
