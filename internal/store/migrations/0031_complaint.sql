-- compatible from 0026
-- Reports to addresses for complaints that were accepted and that nobody has judged yet.
CREATE TABLE complaint_report (
	tx   TEXT PRIMARY KEY,    -- the transaction's that brought it
	time BIGINT NOT NULL,
	body TEXT NOT NULL        -- complaint.Report, as JSON
);
CREATE INDEX complaint_report_time ON complaint_report (time);

-- What people complained of, judged.
CREATE TABLE complaint (
	id            TEXT PRIMARY KEY, -- sorts by time
	report        TEXT NOT NULL,
	time          BIGINT NOT NULL,
	form          TEXT NOT NULL,    -- arf, forward, spam, added
	type          TEXT NOT NULL,
	reporter      TEXT NOT NULL,
	proof         TEXT NOT NULL,
	person        TEXT NOT NULL,    -- who counts as one and the same
	message       TEXT NOT NULL,    -- the transaction complained of, '' where it is unknown
	copy          TEXT NOT NULL,    -- which copy of it, '' where it is unknown
	recipient     TEXT NOT NULL,
	message_id    TEXT NOT NULL,
	subject       TEXT NOT NULL,
	client        TEXT NOT NULL,
	network       TEXT NOT NULL,    -- the client, of IPv6 its /64
	sender        TEXT NOT NULL,
	domain        TEXT NOT NULL,    -- the sender's organisation
	account       TEXT NOT NULL,    -- our customer who sent it
	state         TEXT NOT NULL,
	note          TEXT NOT NULL,
	client_weight DOUBLE PRECISION NOT NULL,
	sender_weight DOUBLE PRECISION NOT NULL,
	ended         BIGINT NOT NULL,  -- when it was taken back, 0: it was not
	ended_by      TEXT NOT NULL
);
CREATE INDEX complaint_time ON complaint (time);
CREATE INDEX complaint_message ON complaint (message, copy) WHERE message <> '';
CREATE INDEX complaint_copy ON complaint (copy) WHERE copy <> '';
CREATE INDEX complaint_network ON complaint (network, time) WHERE network <> '';
CREATE INDEX complaint_sender ON complaint (sender, time) WHERE sender <> '';
CREATE INDEX complaint_domain ON complaint (domain, time) WHERE domain <> '';
CREATE INDEX complaint_account ON complaint (account, time) WHERE account <> '';
CREATE INDEX complaint_reporter ON complaint (reporter, time);

-- What complaints of one come to.
CREATE TABLE complaint_subject (
	kind     TEXT NOT NULL,             -- client, sender, domain
	name     TEXT NOT NULL,
	weight   DOUBLE PRECISION NOT NULL, -- at that time
	at       BIGINT NOT NULL,
	people   BIGINT NOT NULL,
	senders  BIGINT NOT NULL,
	last     BIGINT NOT NULL,
	accepted BIGINT NOT NULL,           -- -1: nobody looked
	looked   BIGINT NOT NULL,
	changed  BIGINT NOT NULL,           -- greater with each change
	PRIMARY KEY (kind, name)
);
CREATE INDEX complaint_subject_weight ON complaint_subject (weight);
CREATE INDEX complaint_subject_changed ON complaint_subject (changed);
