-- Who is logged in to the pages. The browser has a secret, the row its hash.
CREATE TABLE web_session (
	id      TEXT PRIMARY KEY,  -- SHA-256, hexadecimal
	kind    TEXT NOT NULL,     -- mailbox, admin
	person  BIGINT NOT NULL,   -- the id of that
	mark    TEXT NOT NULL,     -- of the password, role and state with which it began
	waiting BIGINT NOT NULL,   -- 1: for the second factor
	created BIGINT NOT NULL,
	seen    BIGINT NOT NULL,   -- to the minute
	expires BIGINT NOT NULL,
	client  TEXT NOT NULL,     -- address
	agent   TEXT NOT NULL      -- what the browser calls itself
);
CREATE INDEX web_session_person ON web_session (kind, person, seen);
CREATE INDEX web_session_seen ON web_session (seen);
CREATE INDEX web_session_expires ON web_session (expires);

-- The app that shows a person codes.
CREATE TABLE web_factor (
	kind      TEXT NOT NULL,
	person    BIGINT NOT NULL,
	secret    BYTEA NOT NULL,   -- encrypted
	confirmed BIGINT NOT NULL,  -- 1: it is asked for
	step      BIGINT NOT NULL,  -- the last that was used
	since     BIGINT NOT NULL,
	PRIMARY KEY (kind, person)
);

-- What is taken instead, once each.
CREATE TABLE web_recovery (
	kind   TEXT NOT NULL,
	person BIGINT NOT NULL,
	code   TEXT NOT NULL,  -- HMAC, hexadecimal
	PRIMARY KEY (kind, person, code)
);
