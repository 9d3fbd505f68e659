-- compatible from 0026
-- The rules of domains, Sieve scripts: see directory.Rules. '': none.
ALTER TABLE domain ADD COLUMN rules_in TEXT NOT NULL DEFAULT '';
ALTER TABLE domain ADD COLUMN rules_out TEXT NOT NULL DEFAULT '';
ALTER TABLE domain ADD COLUMN rules_local TEXT NOT NULL DEFAULT '';

-- Rules of a domain chose the folder of a local transfer: those of the mailbox are not asked.
ALTER TABLE queue_transfer ADD COLUMN filed BIGINT NOT NULL DEFAULT 0;
