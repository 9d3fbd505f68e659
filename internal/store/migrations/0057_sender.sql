-- compatible from 0026
-- Who sends without a person: servers and devices. What is gone stays for a while as a row that says so, by which
-- other nodes hear of it.
CREATE TABLE sender (
	name      TEXT PRIMARY KEY,
	id        BIGINT NOT NULL UNIQUE,
	also      TEXT NOT NULL,    -- further domains, one a line
	scram     TEXT NOT NULL,    -- of its password; '': none
	cert_keys TEXT NOT NULL,    -- SHA-256 of certificates' keys, one a line
	networks  TEXT NOT NULL,    -- one a line
	off       BIGINT NOT NULL,
	created   BIGINT NOT NULL,
	revision  BIGINT NOT NULL,
	gone      BIGINT NOT NULL
);
CREATE INDEX sender_revision ON sender (revision);
