-- compatible from 0026
-- Sessions of who helps an owner: 1: a link that nobody has used yet, 2: in use; 0: the person's own. All but the last are waiting = 1 as well, so that a
-- release that does not know this column lets nobody in with them: it would take him for the owner.
ALTER TABLE web_session ADD COLUMN support BIGINT NOT NULL DEFAULT 0;
