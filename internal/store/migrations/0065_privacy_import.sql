-- compatible from 0026
-- What was exported and erased of persons. The address is not here, only a number made of it by a secret key, by which it
-- is found by who names it.
CREATE TABLE privacy_act (
	id      TEXT PRIMARY KEY, -- sorts by time
	time    BIGINT NOT NULL,
	who     TEXT NOT NULL,
	what    TEXT NOT NULL,    -- export, erase
	subject TEXT NOT NULL,    -- HMAC-SHA-256 of the address, hexadecimal
	found   BIGINT NOT NULL,  -- rows
	ended   BIGINT NOT NULL   -- when it came to its end; 0: it did not
);
CREATE INDEX privacy_act_time ON privacy_act (time);

-- Evidence of transactions that is to be erased, by whichever node has it. It is noted in the commit that erases the
-- transaction's line.
CREATE TABLE privacy_scrub (
	evidence TEXT PRIMARY KEY,
	tx       TEXT NOT NULL    -- the transaction that it is of
);

-- Whole accounts elsewhere, brought with folders and flags (collector.Settings.Whole), are rows of collector whose paused is 2, or 3
-- where they are paused: a node of the release before leaves them alone.
ALTER TABLE collector_mark ADD COLUMN uid BIGINT NOT NULL DEFAULT 0;    -- of a whole account: the message's here,
ALTER TABLE collector_mark ADD COLUMN flags TEXT NOT NULL DEFAULT '';   -- and the flags that it was given
CREATE INDEX collector_whole ON collector (due) WHERE paused = 2;

CREATE TABLE collector_folder (
	account  BIGINT NOT NULL,
	name     TEXT NOT NULL,     -- there
	target   TEXT NOT NULL,     -- here
	validity BIGINT NOT NULL,
	state    TEXT NOT NULL,     -- as the server told it when all of it was brought
	messages BIGINT NOT NULL,   -- that were taken
	unfit    BIGINT NOT NULL,   -- that could not be
	changed  BIGINT NOT NULL,   -- of which flags followed
	removed  BIGINT NOT NULL,   -- that were removed, since they were there
	fault    TEXT NOT NULL,
	PRIMARY KEY (account, name)
);
