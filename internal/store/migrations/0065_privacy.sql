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
