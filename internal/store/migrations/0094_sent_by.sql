-- compatible from 0026
-- The mailbox whose log-in sent it; 0: nobody's, or not noted. A release that does not know these columns notes none, and
-- what is locked is told by the reverse-path alone then.
ALTER TABLE queue_message ADD COLUMN sent_by BIGINT NOT NULL DEFAULT 0;
ALTER TABLE held ADD COLUMN sent_by BIGINT NOT NULL DEFAULT 0;
