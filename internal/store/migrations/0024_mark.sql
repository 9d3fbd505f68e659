-- The clock as it was last believed, by which chores tell what is old: one row.
CREATE TABLE clock_mark (
	id     BIGINT PRIMARY KEY, -- 1
	time   BIGINT NOT NULL,    -- the last time that was believed
	doubt  BIGINT NOT NULL,    -- the last that was not, since then; 0: there was none
	waited BIGINT NOT NULL     -- how long the node has run in doubt, in microseconds
);

-- 1: no digest has told of it since it is held. What was held before is told once more.
ALTER TABLE held ADD COLUMN untold BIGINT NOT NULL DEFAULT 1;
CREATE INDEX held_untold_box ON held (box, state, ended, untold) WHERE untold = 1 AND ended = 0 AND box > 0;
CREATE INDEX held_untold_address ON held (recipient_fold, state, ended, untold, box) WHERE untold = 1 AND ended = 0 AND box <= 0;

-- Notices that are under way, by which it is known to whom one fails: challenge_notice has
-- the last one alone, and not for as long.
CREATE TABLE challenge_letter (
	id     TEXT PRIMARY KEY,   -- the notice's queue_message
	sender TEXT NOT NULL,      -- as in challenge_notice
	time   BIGINT NOT NULL
);
CREATE INDEX challenge_letter_time ON challenge_letter (time);
INSERT INTO challenge_letter (id, sender, time) SELECT id, MAX(sender), MAX(time) FROM challenge_notice GROUP BY id;
