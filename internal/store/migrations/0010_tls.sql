-- Policies of other domains that outlive a restart (RFC 8461).
CREATE TABLE mtasts_policy (
	domain  TEXT PRIMARY KEY,
	id      TEXT NOT NULL,
	policy  TEXT NOT NULL,   -- as it is served
	fetched BIGINT NOT NULL
);

-- Domains that sessions of a day went to, until they are told (RFC 8460). Whoever puts
-- due into the future sends the report.
CREATE TABLE tls_domain (
	day    TEXT NOT NULL,
	domain TEXT NOT NULL,
	due    BIGINT NOT NULL,
	PRIMARY KEY (day, domain)
);
CREATE INDEX tls_domain_due ON tls_domain (due);

CREATE TABLE tls_policy (
	day     TEXT NOT NULL,
	domain  TEXT NOT NULL,
	policy  TEXT NOT NULL,   -- its ID
	type    TEXT NOT NULL,
	strings TEXT NOT NULL,   -- a line each
	mx      TEXT NOT NULL,   -- a line each
	success BIGINT NOT NULL,
	failure BIGINT NOT NULL,
	PRIMARY KEY (day, domain, policy)
);

CREATE TABLE tls_failure (
	day       TEXT NOT NULL,
	domain    TEXT NOT NULL,
	policy    TEXT NOT NULL,
	result    TEXT NOT NULL,
	sending   TEXT NOT NULL,
	mx        TEXT NOT NULL,
	receiving TEXT NOT NULL,
	reason    TEXT NOT NULL,
	sessions  BIGINT NOT NULL,
	PRIMARY KEY (day, domain, policy, result, sending, mx, receiving, reason)
);
