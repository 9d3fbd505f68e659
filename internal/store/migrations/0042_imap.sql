-- compatible from 0026
-- The log of expunges is cut (see mailbox_expunged.go): those up to here are not all in it.
ALTER TABLE mailbox_folder ADD COLUMN expunged_floor BIGINT NOT NULL DEFAULT 0;

-- When the message came into this folder. 0: before this was noted.
ALTER TABLE mailbox_message ADD COLUMN saved BIGINT NOT NULL DEFAULT 0;

-- The first words of the message. NULL: not worked out yet.
ALTER TABLE mailbox_email ADD COLUMN preview TEXT;
