-- compatible from 0026
-- Whose own a mail host is; '': the node's. That of a domain has its address in own_address, and '' in address: an older program, which
-- knows no bounds of what a domain's own may reach, reaches none, and what it has for it waits.
ALTER TABLE mail_host ADD COLUMN domain TEXT NOT NULL DEFAULT '';
ALTER TABLE mail_host ADD COLUMN own_address TEXT NOT NULL DEFAULT '';
