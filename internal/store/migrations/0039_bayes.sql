-- compatible from 0026
-- What the Bayes filter learnt (package internal/bayes/desk). bayes_head is locked by whoever appends to the log.
CREATE TABLE bayes_head (
	id  BIGINT PRIMARY KEY,  -- 1
	seq BIGINT NOT NULL      -- of the last entry
);
INSERT INTO bayes_head (id, seq) VALUES (1, 0);

-- The log: what each batch of lessons changed in the model, in pieces.
CREATE TABLE bayes_entry (
	seq    BIGINT PRIMARY KEY,
	node   TEXT NOT NULL,
	time   BIGINT NOT NULL,
	octets BIGINT NOT NULL   -- of the pieces together
);
CREATE TABLE bayes_entry_piece (
	seq  BIGINT NOT NULL,
	part BIGINT NOT NULL,
	data BYTEA NOT NULL,
	PRIMARY KEY (seq, part)
);

-- Returns to snapshots; each is an entry.
CREATE TABLE bayes_roll (
	seq      BIGINT PRIMARY KEY,
	back_to  BIGINT NOT NULL,     -- the model is what it was after that entry
	snapshot BIGINT NOT NULL,     -- 0: the empty model
	day      TEXT NOT NULL,
	time     BIGINT NOT NULL,
	who      TEXT NOT NULL
);

-- The whole model, as of an entry, in pieces. One that is not whole is being made, or its maker died.
CREATE TABLE bayes_snapshot (
	id     INTEGER PRIMARY KEY AUTOINCREMENT,
	seq    BIGINT NOT NULL,
	day    TEXT NOT NULL,
	time   BIGINT NOT NULL,
	node   TEXT NOT NULL,
	octets BIGINT NOT NULL,
	whole  BIGINT NOT NULL,       -- 1: it is
	touched BIGINT NOT NULL       -- when something was last written to it, by the store's clock
);
CREATE TABLE bayes_snapshot_piece (
	snapshot BIGINT NOT NULL,
	part     BIGINT NOT NULL,
	data     BYTEA NOT NULL,
	PRIMARY KEY (snapshot, part)
);

CREATE TABLE bayes_lesson (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	message   TEXT NOT NULL,               -- the transaction that brought it
	person    TEXT NOT NULL,               -- who says so
	domain    TEXT NOT NULL,               -- whose layer learnt too
	spam      BIGINT NOT NULL,             -- 1: it is spam, 0: it is not
	source    TEXT NOT NULL,
	time      BIGINT NOT NULL,
	state     TEXT NOT NULL,               -- learnt, enough, refused
	seq       BIGINT NOT NULL,             -- the entry that has what it changed
	sum       BYTEA NOT NULL,              -- of its features
	step      BYTEA NOT NULL,              -- what it added (bayes.Step)
	score     DOUBLE PRECISION NOT NULL,   -- as judged before
	ended     BIGINT NOT NULL DEFAULT 0,   -- 0: it was not taken back
	ended_seq BIGINT NOT NULL DEFAULT 0,   -- the entry that did
	ended_by  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX bayes_lesson_message ON bayes_lesson (message);
CREATE INDEX bayes_lesson_person ON bayes_lesson (person, sum);
CREATE INDEX bayes_lesson_source ON bayes_lesson (source, time, person);
CREATE INDEX bayes_lesson_domain ON bayes_lesson (domain, time);
CREATE INDEX bayes_lesson_time ON bayes_lesson (time);

-- The site's own record: messages by the score that they had before they were learnt.
CREATE TABLE bayes_record (
	day   TEXT NOT NULL,
	spam  BIGINT NOT NULL,
	score BIGINT NOT NULL,    -- eighths of a point
	count BIGINT NOT NULL,
	PRIMARY KEY (day, spam, score)
);

-- Known ham, and from slot 128 on known spam: the hashes of its features, which the guard judges.
CREATE TABLE bayes_sample (
	slot     BIGINT PRIMARY KEY,
	seq      BIGINT NOT NULL,    -- of the entry that put it
	message  TEXT NOT NULL,
	person   TEXT NOT NULL,
	domain   TEXT NOT NULL,
	features BYTEA NOT NULL      -- empty: the slot is free
);
CREATE INDEX bayes_sample_seq ON bayes_sample (seq);

-- How much of the known ham, and spam, counted as lost when days began.
CREATE TABLE bayes_guard (
	day  TEXT PRIMARY KEY,
	ham  BIGINT NOT NULL,
	spam BIGINT NOT NULL
);
