-- compatible from 0026
-- Certificates that an authority is asked for (ACME), for all nodes: see internal/certificate.
CREATE TABLE certificate (
	name     TEXT PRIMARY KEY, -- A-labels
	private  BYTEA NOT NULL,   -- PKCS #8; empty: none was made yet
	chain    BYTEA NOT NULL,   -- PEM; empty: none was issued yet
	next     BYTEA NOT NULL,   -- PKCS #8, the key that takes the place of private; empty: none
	next_at  BIGINT NOT NULL,  -- when that was made, microseconds
	due      BIGINT NOT NULL,  -- when it is ordered next, microseconds
	tries    BIGINT NOT NULL,  -- orders that failed since the last one that did not
	problem  TEXT NOT NULL,
	tried    BIGINT NOT NULL,  -- when the last order ended, microseconds; 0: there was none
	revision BIGINT NOT NULL
);
CREATE INDEX certificate_revision_of ON certificate (revision);

-- The number of changes. Who changes a certificate locks its row, so that nodes that follow miss none.
CREATE TABLE certificate_revision (
	id    BIGINT PRIMARY KEY, -- 1
	value BIGINT NOT NULL
);
INSERT INTO certificate_revision (id, value) VALUES (1, 0);

-- Accounts at authorities.
CREATE TABLE certificate_account (
	directory TEXT PRIMARY KEY, -- URL
	private   BYTEA NOT NULL,   -- PKCS #8
	uri       TEXT NOT NULL,
	contact   TEXT NOT NULL
);

-- What an authority is shown while an order is under way.
CREATE TABLE certificate_proof (
	kind    TEXT NOT NULL,  -- http-01, tls-alpn-01
	subject TEXT NOT NULL,  -- the token, or the name
	answer  BYTEA NOT NULL,
	expires BIGINT NOT NULL, -- microseconds
	PRIMARY KEY (kind, subject)
);

-- Names of this system that belong to a domain's people, such as mail.customer.example; a line each.
ALTER TABLE domain ADD COLUMN mail_names TEXT NOT NULL DEFAULT '';
