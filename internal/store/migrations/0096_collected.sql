-- compatible from 0026
-- Accounts elsewhere that owners of mailboxes set up. paused is 4 or 5 of those: programs that don't know them would reach any server for them.
ALTER TABLE collector ADD COLUMN owned BIGINT NOT NULL DEFAULT 0;
ALTER TABLE collector ADD COLUMN identity TEXT NOT NULL DEFAULT '';    -- the account's address, folded; '': not known
ALTER TABLE collector ADD COLUMN confirmed BIGINT NOT NULL DEFAULT 0;  -- since when the owner may send as that; 0: he may not
CREATE INDEX collector_owned ON collector (due) WHERE paused = 4;
-- 1: owners may set up accounts elsewhere. It does not stand in owners, where older programs would refuse the word.
ALTER TABLE domain ADD COLUMN owners_collect BIGINT NOT NULL DEFAULT 0;
