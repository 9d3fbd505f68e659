-- Where mail goes that does not stay here.
CREATE TABLE mail_host (
	name     TEXT PRIMARY KEY,
	id       BIGINT NOT NULL UNIQUE,
	address  TEXT NOT NULL,          -- host:port
	roles    TEXT NOT NULL,          -- with commas between
	protocol TEXT NOT NULL,
	tls      TEXT NOT NULL,
	priority BIGINT NOT NULL,
	login    TEXT NOT NULL,
	password TEXT NOT NULL,          -- as it is sent: there is no other way
	created  BIGINT NOT NULL,
	revision BIGINT NOT NULL
);
CREATE INDEX mail_host_revision ON mail_host (revision);

ALTER TABLE domain ADD COLUMN names TEXT NOT NULL DEFAULT '';     -- other names, one a line
ALTER TABLE domain ADD COLUMN catch_all TEXT NOT NULL DEFAULT '';
ALTER TABLE domain ADD COLUMN hosts TEXT NOT NULL DEFAULT '';     -- mail_host, one a line
ALTER TABLE domain ADD COLUMN smarthost TEXT NOT NULL DEFAULT '';
ALTER TABLE domain ADD COLUMN lookup TEXT NOT NULL DEFAULT '';
