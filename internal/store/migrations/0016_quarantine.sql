-- What challenges, owners and searches need of a held message.
ALTER TABLE held ADD COLUMN author TEXT NOT NULL DEFAULT '';
ALTER TABLE held ADD COLUMN author_fold TEXT NOT NULL DEFAULT '';
ALTER TABLE held ADD COLUMN proof TEXT NOT NULL DEFAULT '';
ALTER TABLE held ADD COLUMN guarded BIGINT NOT NULL DEFAULT 0; -- 1: an operator alone may release it
ALTER TABLE held ADD COLUMN asked BIGINT NOT NULL DEFAULT 0;   -- when; 0: not
ALTER TABLE held ADD COLUMN told TEXT NOT NULL DEFAULT '';
ALTER TABLE held ADD COLUMN same TEXT NOT NULL DEFAULT '';
ALTER TABLE held ADD COLUMN ended BIGINT NOT NULL DEFAULT 0;   -- when the hold ended; 0: not, or before this column was
ALTER TABLE held ADD COLUMN late BIGINT NOT NULL DEFAULT 0;    -- 1: it came when its time was in a block already

-- Pages go through one of these, newest first, in each state by itself: rows that ended
-- must not lie between those that are held.
DROP INDEX held_recipient;
DROP INDEX held_box;
DROP INDEX held_domain;
DROP INDEX held_sender;
DROP INDEX held_expires;
CREATE INDEX held_recipient ON held (recipient_fold, state, time, id);
CREATE INDEX held_box ON held (box, state, time, id);
CREATE INDEX held_domain ON held (domain, state, time, id);
CREATE INDEX held_sender ON held (sender_fold, state, time, id);
CREATE INDEX held_state ON held (state, time, id);
CREATE INDEX held_expires ON held (expires) WHERE state = 'held';
CREATE INDEX held_ended ON held (ended) WHERE state <> 'held';
CREATE INDEX held_asked ON held (time, id) WHERE asked > 0;
CREATE INDEX held_released ON held (state, time, filter) WHERE state = 'released';
CREATE INDEX held_told ON held (time) WHERE told = 'due';
CREATE INDEX held_late ON held (time, id) WHERE late > 0;

-- Where a released message went on.
CREATE INDEX queue_transfer_released ON queue_transfer (released) WHERE released <> '';
ALTER TABLE queue_event ADD COLUMN released TEXT NOT NULL DEFAULT ''; -- as in queue_transfer
CREATE INDEX queue_event_released ON queue_event (released, time) WHERE released <> '';

-- Held messages by what is in them: see quarantine_block.go. A block is those of some
-- time, in groups.
CREATE TABLE held_block (
	id    INTEGER PRIMARY KEY AUTOINCREMENT,
	first BIGINT NOT NULL,  -- the time of its oldest,
	last  BIGINT NOT NULL,  -- and of its newest
	level BIGINT NOT NULL,
	size  BIGINT NOT NULL   -- groups
);
CREATE INDEX held_block_last ON held_block (last);
CREATE TABLE held_mark (
	block BIGINT NOT NULL,
	part  BIGINT NOT NULL,
	marks BYTEA NOT NULL,   -- the time at which each group of the part begins, and the next
	PRIMARY KEY (block, part)
);
CREATE TABLE held_gram (
	bucket BIGINT NOT NULL,
	block  BIGINT NOT NULL,
	grams  BYTEA NOT NULL,  -- which rows have what
	PRIMARY KEY (bucket, block)
);

-- How many of a block a filter held on a day (UTC).
CREATE TABLE held_day (
	block  BIGINT NOT NULL,
	day    BIGINT NOT NULL, -- since 1970
	filter TEXT NOT NULL,
	held   BIGINT NOT NULL,
	PRIMARY KEY (block, day, filter)
);
