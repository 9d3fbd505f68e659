-- compatible from 0026
-- What came in the name of domains that ask for reports, until they are told (RFC 9990):
-- see internal/dmarc. Whoever puts due into the future sends the report.
CREATE TABLE dmarc_domain (
	day    TEXT NOT NULL,
	domain TEXT NOT NULL,
	due    BIGINT NOT NULL,
	PRIMARY KEY (day, domain)
);
CREATE INDEX dmarc_domain_due ON dmarc_domain (due);

CREATE TABLE dmarc_seen (
	day      TEXT NOT NULL,
	domain   TEXT NOT NULL,
	id       TEXT NOT NULL,   -- of body
	body     TEXT NOT NULL,   -- dmarc.Row, as JSON
	messages BIGINT NOT NULL,
	PRIMARY KEY (day, domain, id)
);

-- What this node and others saw of our domains.
CREATE TABLE dmarc_sum (
	domain   TEXT NOT NULL,
	day      TEXT NOT NULL,
	reporter TEXT NOT NULL,
	network  TEXT NOT NULL,   -- '': all others
	messages BIGINT NOT NULL,
	passed   BIGINT NOT NULL,
	dkim     BIGINT NOT NULL,
	spf      BIGINT NOT NULL,
	acted    BIGINT NOT NULL, -- quarantined or rejected
	PRIMARY KEY (domain, day, reporter, network)
);
CREATE INDEX dmarc_sum_day ON dmarc_sum (day);

-- Reports of others on our domains.
CREATE TABLE dmarc_report (
	id       TEXT PRIMARY KEY, -- the same of one that comes again
	day      TEXT NOT NULL,    -- that it is about
	domain   TEXT NOT NULL,
	reporter TEXT NOT NULL,
	time     BIGINT NOT NULL,
	body     TEXT NOT NULL     -- dmarc.Received, as JSON
);
CREATE INDEX dmarc_report_domain ON dmarc_report (domain, time);
CREATE INDEX dmarc_report_day ON dmarc_report (day, domain, reporter);
