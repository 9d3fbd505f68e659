-- compatible from 0026
-- 1: the mailbox is locked: what it has is closed to admins of its domain.
ALTER TABLE mailbox ADD COLUMN locked BIGINT NOT NULL DEFAULT 0;
CREATE INDEX mailbox_locked ON mailbox (id) WHERE locked = 1;
-- 1: owners may lock their mailboxes. It does not stand in owners, where older programs would refuse the word.
ALTER TABLE domain ADD COLUMN owners_lock BIGINT NOT NULL DEFAULT 0;

-- What was done to who may do what: see directory.Note. It outlives those whom it is about.
CREATE TABLE audit (
	id    TEXT PRIMARY KEY, -- sorts by time
	time  BIGINT NOT NULL,
	who   TEXT NOT NULL,    -- a mailbox's address, an admin's name, "admin (ann)" by command
	what  TEXT NOT NULL,    -- lock, unlock …
	whom  TEXT NOT NULL,    -- the mailbox, admin or mail host that it was done to
	about TEXT NOT NULL
);
CREATE INDEX audit_whom ON audit (whom, id);
CREATE INDEX audit_who ON audit (who, id);
CREATE INDEX audit_time ON audit (time);
