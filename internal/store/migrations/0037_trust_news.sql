-- compatible from 0026
-- Senders of whom something is known now and was not before, so that nodes can remember
-- of whom nothing is known. Numbers are in the order of commits: who writes one locks the
-- counter. A node of the release before tells of none; see trust.Book.
CREATE TABLE trust_counter (
	name  TEXT PRIMARY KEY,
	value BIGINT NOT NULL
);
INSERT INTO trust_counter (name, value) VALUES ('news', 0);
CREATE TABLE trust_news (
	number BIGINT PRIMARY KEY,
	sender TEXT NOT NULL
);
