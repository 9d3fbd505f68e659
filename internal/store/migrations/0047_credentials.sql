-- compatible from 0026
-- Passwords of single programs, one a line: id, when it was made, SCRAM keys, name, with tabs between.
ALTER TABLE mailbox ADD COLUMN apps TEXT NOT NULL DEFAULT '';

-- When each of them was used last: no part of the directory, which all nodes would read anew.
CREATE TABLE mailbox_app_use (
	box  BIGINT NOT NULL,
	app  BIGINT NOT NULL,
	used BIGINT NOT NULL,
	PRIMARY KEY (box, app)
);
