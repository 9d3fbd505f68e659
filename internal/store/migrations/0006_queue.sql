-- A message on its way, with what its transfers share.
CREATE TABLE queue_message (
	id       TEXT PRIMARY KEY,
	tx       TEXT NOT NULL,      -- the transaction that it came in by
	sender   TEXT NOT NULL,      -- the reverse-path it leaves under
	blob     TEXT NOT NULL,
	prefix   BYTEA NOT NULL,     -- served before the content,
	skip     BIGINT NOT NULL,    -- which is served from here on
	size     BIGINT NOT NULL,    -- octets served
	body     TEXT NOT NULL,      -- the parameters of MAIL
	smtputf8 BIGINT NOT NULL,
	ret      TEXT NOT NULL,
	envid    TEXT NOT NULL,
	created  BIGINT NOT NULL,
	expires  BIGINT NOT NULL,
	refs     BIGINT NOT NULL     -- transfers that name it
);
CREATE INDEX queue_message_tx ON queue_message (tx);

-- One recipient of it. A claim is a due time in the future, and a higher fence:
-- whoever claimed it dies, and it is due again.
CREATE TABLE queue_transfer (
	id             INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice
	message        TEXT NOT NULL REFERENCES queue_message (id),
	recipient      TEXT NOT NULL,
	recipient_fold TEXT NOT NULL,
	domain         TEXT NOT NULL,
	notify         BIGINT NOT NULL, -- the parameters of RCPT
	original       TEXT NOT NULL,
	destination    TEXT NOT NULL,
	boxes          TEXT NOT NULL,   -- mailboxes to deliver to, by number, with commas between
	folder         TEXT NOT NULL,
	state          TEXT NOT NULL,
	due            BIGINT NOT NULL,
	claimed        BIGINT NOT NULL, -- 1: on the wire, until due
	fence          BIGINT NOT NULL,
	attempts       BIGINT NOT NULL,
	delayed        BIGINT NOT NULL, -- 1: the sender was told of the delay
	host           TEXT NOT NULL,   -- the last reply
	code           BIGINT NOT NULL,
	enhanced       TEXT NOT NULL,
	reply          TEXT NOT NULL,
	command        TEXT NOT NULL
);
CREATE INDEX queue_transfer_due ON queue_transfer (state, destination, due, id);
CREATE INDEX queue_transfer_message ON queue_transfer (message);
CREATE INDEX queue_transfer_recipient ON queue_transfer (recipient_fold, id);
CREATE INDEX queue_transfer_domain ON queue_transfer (domain, id);
CREATE INDEX queue_transfer_claimed ON queue_transfer (id) WHERE claimed = 1;

-- What was tried, and what admins did, for as long as the journal is kept.
CREATE TABLE queue_event (
	tx        TEXT NOT NULL,
	time      BIGINT NOT NULL,
	transfer  BIGINT NOT NULL,
	recipient TEXT NOT NULL,
	what      TEXT NOT NULL,
	host      TEXT NOT NULL,
	code      BIGINT NOT NULL,
	enhanced  TEXT NOT NULL,
	reply     TEXT NOT NULL,
	command   TEXT NOT NULL
);
CREATE INDEX queue_event_tx ON queue_event (tx, time);
CREATE INDEX queue_event_time ON queue_event (time);
