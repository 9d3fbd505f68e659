-- What is held is shown as a folder of its mailbox: see mailbox_held.go.
ALTER TABLE held ADD COLUMN uid BIGINT NOT NULL DEFAULT 0;    -- in that folder; 0: not there, or not yet
ALTER TABLE held ADD COLUMN modseq BIGINT NOT NULL DEFAULT 0; -- when it came there

-- What the folder shows; and what it is to show, which is little. Its first columns all
-- have one value, so that no other index of held looks better.
CREATE INDEX held_shown ON held (box, state, uid, modseq) WHERE uid > 0;
CREATE INDEX held_unshown ON held (box, state, guarded, uid) WHERE uid = 0 AND state = 'held' AND guarded = 0 AND box > 0;
CREATE INDEX mailbox_folder_held ON mailbox_folder (box) WHERE special_use = '\Quarantine';
