-- compatible from 0026
-- Whom of a domain its owners see on a page: directory.AddressList; '': nobody.
ALTER TABLE domain ADD COLUMN address_list TEXT NOT NULL DEFAULT '';
-- Of the person or group that the mailbox is, for that list; '': none was given.
ALTER TABLE mailbox ADD COLUMN name TEXT NOT NULL DEFAULT '';
-- 1: it stands in no list.
ALTER TABLE mailbox ADD COLUMN unlisted BIGINT NOT NULL DEFAULT 0;
