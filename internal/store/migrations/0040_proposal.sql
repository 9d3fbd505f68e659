-- compatible from 0026
-- What patterns for keywords are proposed of (package proposal). Words and hosts are spam's alone; of
-- wanted mail there are but numbers made of them.
CREATE TABLE proposal_sample (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	message TEXT NOT NULL,   -- the transaction that brought it
	person  TEXT NOT NULL,   -- who says what it is
	class   BIGINT NOT NULL, -- proposal.Class
	time    BIGINT NOT NULL,
	words   TEXT NOT NULL,   -- runs of words, a line each
	hosts   TEXT NOT NULL,   -- domains that links lead to, by spaces
	sums    BYTEA NOT NULL   -- numbers of phrases and domains, 4 octets each
);
CREATE UNIQUE INDEX proposal_sample_message ON proposal_sample (message, person);
CREATE INDEX proposal_sample_class ON proposal_sample (class, time);
CREATE INDEX proposal_sample_person ON proposal_sample (person, class, time);

-- What operators decided of patterns. The counter of that name in learnt_counter is locked by whoever changes any; its value
-- is what nodes follow.
CREATE TABLE proposal_decision (
	kind     BIGINT NOT NULL, -- proposal.Kind
	text     TEXT NOT NULL,
	accepted BIGINT NOT NULL, -- 1: it is among the keywords, 0: it is not proposed again
	weight   DOUBLE PRECISION NOT NULL,
	who      TEXT NOT NULL,
	why      TEXT NOT NULL,
	time     BIGINT NOT NULL,
	PRIMARY KEY (kind, text)
);
INSERT INTO learnt_counter (name, value) VALUES ('proposals', 0);
