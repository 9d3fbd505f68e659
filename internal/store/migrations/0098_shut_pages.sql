-- compatible from 0026
-- Pages (directory.Page) that are shut to the owners of all of a domain's mailboxes, and to one; '': none. A release that does not know
-- them has them open.
ALTER TABLE domain ADD COLUMN shut_pages TEXT NOT NULL DEFAULT '';
ALTER TABLE mailbox ADD COLUMN shut_pages TEXT NOT NULL DEFAULT '';
