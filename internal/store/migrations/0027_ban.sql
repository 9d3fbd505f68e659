-- compatible from 0026
-- Clients that are kept out for a while (package ban). The counter's revision is taken by
-- each change, in its commit: nodes follow it.
CREATE TABLE ban (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	network    TEXT NOT NULL,              -- 192.0.2.7/32, 2001:db8::/64
	cause      TEXT NOT NULL,              -- honeypot, harvest, protocol, login, admin
	note       TEXT NOT NULL,
	who        TEXT NOT NULL,              -- who imposed it
	step       BIGINT NOT NULL,            -- of the ladder
	imposed    BIGINT NOT NULL,
	ends       BIGINT NOT NULL,            -- if it is not lifted
	hits       BIGINT NOT NULL DEFAULT 0,
	last_hit   BIGINT NOT NULL DEFAULT 0,
	lifted     BIGINT NOT NULL DEFAULT 0,  -- 0: it is not
	lifted_by  TEXT NOT NULL DEFAULT '',
	reason     TEXT NOT NULL DEFAULT '',   -- for lifting it
	ended      BIGINT NOT NULL,            -- when it ends, or was lifted
	revision   BIGINT NOT NULL
);
CREATE INDEX ban_network ON ban (network, ended);
CREATE INDEX ban_ended ON ban (ended);
CREATE INDEX ban_revision ON ban (revision);

CREATE TABLE ban_counter (
	name  TEXT PRIMARY KEY,
	value BIGINT NOT NULL
);
INSERT INTO ban_counter (name, value) VALUES ('revision', 0);
