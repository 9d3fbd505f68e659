-- A row for each recipient's copy of a message in quarantine.
CREATE TABLE held (
	id             TEXT PRIMARY KEY,
	tx             TEXT NOT NULL,
	recipient      TEXT NOT NULL,
	recipient_fold TEXT NOT NULL,    -- "_fold": in lower case, to search by
	box            BIGINT NOT NULL,
	domain         TEXT NOT NULL,
	sender         TEXT NOT NULL,
	sender_fold    TEXT NOT NULL,
	client         TEXT NOT NULL,
	subject        TEXT NOT NULL,
	subject_fold   TEXT NOT NULL,
	filter         TEXT NOT NULL,
	reason         TEXT NOT NULL,
	reason_fold    TEXT NOT NULL,
	score          DOUBLE PRECISION NOT NULL,
	blob           TEXT NOT NULL,
	prefix         BYTEA NOT NULL,   -- served before the content,
	skip           BIGINT NOT NULL,  -- which is served from here on
	size           BIGINT NOT NULL,  -- octets served
	time           BIGINT NOT NULL,
	expires        BIGINT NOT NULL,
	state          TEXT NOT NULL     -- the blob is referred to while this is 'held'
);
CREATE INDEX held_time ON held (time, id);
CREATE INDEX held_recipient ON held (recipient_fold, time, id);
CREATE INDEX held_box ON held (box, time, id);
CREATE INDEX held_domain ON held (domain, time, id);
CREATE INDEX held_sender ON held (sender_fold, time, id);
CREATE INDEX held_tx ON held (tx);
CREATE INDEX held_expires ON held (state, expires);

-- Who did what to it, in order.
CREATE TABLE held_act (
	held TEXT NOT NULL REFERENCES held (id),
	seq  BIGINT NOT NULL,
	who  TEXT NOT NULL,
	what TEXT NOT NULL,              -- the state that it led to
	time BIGINT NOT NULL,
	PRIMARY KEY (held, seq)
);
