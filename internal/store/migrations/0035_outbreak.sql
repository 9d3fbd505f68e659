-- compatible from 0026
-- To whom new files went, first at that time (package outbreak). Recipients are numbers made of
-- their addresses by a secret key.
CREATE TABLE outbreak_seen (
	sum       BYTEA NOT NULL,  -- SHA-256 of the file
	recipient BIGINT NOT NULL,
	time      BIGINT NOT NULL,
	PRIMARY KEY (sum, recipient)
);
CREATE INDEX outbreak_seen_time ON outbreak_seen (time, sum, recipient);
