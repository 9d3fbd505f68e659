-- compatible from 0026
-- The Message-IDs of what this system sent: see internal/sent. Each day's rows lie
-- together, so that new ones go to pages that are in memory, whatever the size of the
-- whole, and old ones leave by the page.
CREATE TABLE sent (
	day  BIGINT NOT NULL,   -- since 1970
	mark BYTEA NOT NULL,    -- sent.Mark
	PRIMARY KEY (day, mark)
) WITHOUT ROWID;
