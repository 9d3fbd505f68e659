-- compatible from 0026
-- For how many days a domain's archive keeps all mail in and out; 0: nothing is taken into it, -1: for ever.
-- The archive is the mailbox of that domain whose state is 'archive'.
ALTER TABLE domain ADD COLUMN archive_days BIGINT NOT NULL DEFAULT 0;

-- To whom archives are open (mailbox.Opening); each has a row of mailbox_grant, too.
CREATE TABLE archive_opening (
	box    BIGINT NOT NULL,
	reader BIGINT NOT NULL,  -- his box
	since  BIGINT NOT NULL,
	until  BIGINT NOT NULL,  -- 0: it has no end
	why    TEXT NOT NULL,
	PRIMARY KEY (box, reader)
);

-- What was done with archives (mailbox.Act). It outlives them, so it names the domain.
CREATE TABLE archive_act (
	domain TEXT NOT NULL,
	id     TEXT NOT NULL,    -- sorts by time
	time   BIGINT NOT NULL,
	who    TEXT NOT NULL,
	what   TEXT NOT NULL,
	about  TEXT NOT NULL,
	PRIMARY KEY (domain, id)
);
CREATE INDEX archive_act_time ON archive_act (time);
