-- compatible from 0026
-- Mail that was expunged and can be brought back. Its row in mailbox_email stays, with refs 0
-- and its reference to the content.
CREATE TABLE mailbox_deleted (
	box           BIGINT NOT NULL,
	email         BIGINT NOT NULL,
	time          BIGINT NOT NULL, -- when it was expunged; 0: it is not to be kept
	folder        BIGINT NOT NULL, -- where it was,
	name          TEXT NOT NULL,   -- the folder's name then,
	special_use   TEXT NOT NULL,   -- and use
	flags         BIGINT NOT NULL,
	keywords      TEXT NOT NULL,
	internal_date BIGINT NOT NULL,
	size          BIGINT NOT NULL,
	PRIMARY KEY (box, email)
);
CREATE INDEX mailbox_deleted_time ON mailbox_deleted (time, box, email);

-- What that takes up, which no quota counts. Who has much of it is found by the index.
ALTER TABLE mailbox_box ADD COLUMN kept_bytes BIGINT NOT NULL DEFAULT 0;
CREATE INDEX mailbox_box_kept ON mailbox_box (kept_bytes) WHERE kept_bytes > 1073741824;

-- mailbox_junk is of folders for trash, too, from now on.
