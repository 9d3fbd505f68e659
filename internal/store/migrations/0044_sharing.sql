-- compatible from 0026
-- Who else may do what in a folder, or in all folders of a box: mailbox.Grant.
CREATE TABLE mailbox_grant (
	box    BIGINT NOT NULL,  -- whose folder it is
	folder BIGINT NOT NULL,  -- 0: all of them
	who    TEXT NOT NULL,    -- mailbox.Who
	rights BIGINT NOT NULL,  -- mailbox.Rights, never 0
	PRIMARY KEY (box, folder, who)
);
CREATE INDEX mailbox_grant_who ON mailbox_grant (who);
CREATE INDEX mailbox_grant_folder ON mailbox_grant (folder, who);

-- What receivers said: mailbox.Answer. No row is no answer yet.
CREATE TABLE mailbox_answer (
	folder BIGINT NOT NULL,
	reader BIGINT NOT NULL,  -- the receiver's box
	answer TEXT NOT NULL,
	PRIMARY KEY (folder, reader)
);
CREATE INDEX mailbox_answer_reader ON mailbox_answer (reader);

-- Boxes that are groups.
CREATE TABLE mailbox_group (box BIGINT PRIMARY KEY);

-- Who may send for a box: mailbox.Sender.
CREATE TABLE mailbox_sender (
	box BIGINT NOT NULL,
	who TEXT NOT NULL,
	how TEXT NOT NULL,
	PRIMARY KEY (box, who)
);
CREATE INDEX mailbox_sender_who ON mailbox_sender (who);

CREATE TABLE mailbox_annotation (
	folder BIGINT NOT NULL,  -- 0: the server
	reader BIGINT NOT NULL,  -- whose private one it is; 0: shared
	entry  TEXT NOT NULL,
	value  BYTEA NOT NULL,
	PRIMARY KEY (folder, reader, entry)
);
CREATE INDEX mailbox_annotation_reader ON mailbox_annotation (reader);
