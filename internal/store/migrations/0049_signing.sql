-- compatible from 0026
-- Private keys with which the mail of domains is signed: see internal/signing.
CREATE TABLE signing_key (
	domain   TEXT NOT NULL,
	selector TEXT NOT NULL,
	kind     TEXT NOT NULL,
	private  BYTEA NOT NULL,  -- PKCS #8
	state    TEXT NOT NULL,
	made     BIGINT NOT NULL, -- microseconds
	since    BIGINT NOT NULL, -- when state began, microseconds
	problem  TEXT NOT NULL,
	PRIMARY KEY (domain, selector)
);

-- The number of changes. Who changes keys locks its row, so that nodes that follow miss none.
CREATE TABLE signing_revision (
	id    BIGINT PRIMARY KEY, -- 1
	value BIGINT NOT NULL
);
INSERT INTO signing_revision (id, value) VALUES (1, 0);

-- Since when the return paths of a domain are signed (BATV), microseconds; 0: they are not.
ALTER TABLE domain ADD COLUMN signs_returns BIGINT NOT NULL DEFAULT 0;
