-- compatible from 0026
-- What spam and ham taught (package learnt). The counter is locked by whoever changes any
-- of it; its revision is what nodes follow.
CREATE TABLE learnt_lesson (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	message  TEXT NOT NULL,               -- the transaction that brought it
	person   TEXT NOT NULL,               -- who says so
	spam     BIGINT NOT NULL,             -- 1: it is spam, 0: it is not
	source   TEXT NOT NULL,               -- trap, report, release …
	time     BIGINT NOT NULL,
	ended    BIGINT NOT NULL DEFAULT 0,   -- 0: it stands
	ended_by TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX learnt_lesson_message ON learnt_lesson (message, person) WHERE ended = 0;
CREATE INDEX learnt_lesson_source ON learnt_lesson (source, time, person);
CREATE INDEX learnt_lesson_time ON learnt_lesson (time);

CREATE TABLE learnt_print (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	kind     BIGINT NOT NULL,             -- learnt.Kind
	sum      BYTEA NOT NULL,
	spam     BIGINT NOT NULL DEFAULT 0,   -- persons who say that it is spam
	ham      BIGINT NOT NULL DEFAULT 0,   -- persons who say that it is not
	sources  BIGINT NOT NULL DEFAULT 0,   -- a bit for each of learnt.Sources
	first    BIGINT NOT NULL DEFAULT 0,
	last     BIGINT NOT NULL DEFAULT 0,   -- when it was last taught
	revision BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX learnt_print_sum ON learnt_print (kind, sum);
CREATE INDEX learnt_print_revision ON learnt_print (revision);
CREATE INDEX learnt_print_last ON learnt_print (last);

CREATE TABLE learnt_taught (
	print  BIGINT NOT NULL,
	lesson BIGINT NOT NULL,
	PRIMARY KEY (print, lesson)
) WITHOUT ROWID;
CREATE INDEX learnt_taught_lesson ON learnt_taught (lesson);

CREATE TABLE learnt_counter (
	name  TEXT PRIMARY KEY,
	value BIGINT NOT NULL
);
INSERT INTO learnt_counter (name, value) VALUES ('revision', 0), ('bulk', 0);

-- What was seen many times a moment ago (package bulk): nodes tell each other, and a node
-- itself after a start. Rows go after some minutes.
CREATE TABLE bulk_seen (
	id            INTEGER PRIMARY KEY AUTOINCREMENT,
	time          BIGINT NOT NULL,
	sum           BYTEA NOT NULL,         -- of the text in its normal form
	sketch        BYTEA NOT NULL,
	organisations BYTEA NOT NULL,         -- hashes of the recipients' organisations, 4 octets each
	signers       BYTEA NOT NULL,         -- hashes of the authors' domains that signed it, 4 octets each
	stopped       BIGINT NOT NULL         -- 1: so many domains send it that it says nothing
);
CREATE INDEX bulk_seen_time ON bulk_seen (time);

-- Documents that are not to leave (package fingerprint): hashes of some of their words.
CREATE TABLE fingerprint (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	domain   TEXT NOT NULL,               -- whose mail it is looked for in; '': everybody's
	name     TEXT NOT NULL,
	shingles BYTEA NOT NULL,              -- 8 octets each
	added    BIGINT NOT NULL
);
