-- compatible from 0026
-- The policy that judges what a domain's people send; '': the node's.
ALTER TABLE domain ADD COLUMN outgoing TEXT NOT NULL DEFAULT '';

-- What a mailbox's log-in sent in an hour (since 1970), by node. It is written together every few seconds.
CREATE TABLE submission_count (
	box      BIGINT NOT NULL,
	hour     BIGINT NOT NULL,
	node     TEXT NOT NULL,
	messages BIGINT NOT NULL, -- begun
	refused  BIGINT NOT NULL, -- not begun, since there were too many
	fresh    BIGINT NOT NULL, -- recipients that it had not written to within a day
	excess   BIGINT NOT NULL, -- recipients that were refused, since there were too many
	wrong    BIGINT NOT NULL, -- recipients that do not exist, and reports that came back
	networks BIGINT NOT NULL, -- from which it logged in
	changed  BIGINT NOT NULL,
	PRIMARY KEY (box, hour, node)
);
CREATE INDEX submission_count_hour ON submission_count (hour);
CREATE INDEX submission_count_changed ON submission_count (changed);

-- Mailboxes whose log-in may send nothing until somebody says so.
CREATE TABLE submission_stop (
	box    BIGINT PRIMARY KEY,
	since  BIGINT NOT NULL,
	reason TEXT NOT NULL,
	who    TEXT NOT NULL  -- '': the limits did
);

-- Limits of a mailbox, or of each of a domain's, in the place of the node's: of a column -1 is the node's, 0 is none.
CREATE TABLE submission_limit (
	owner      TEXT PRIMARY KEY, -- mNUMBER, dNUMBER
	per_minute BIGINT NOT NULL,
	per_hour   BIGINT NOT NULL,
	per_day    BIGINT NOT NULL,
	recipients BIGINT NOT NULL
);

-- Until when a sender has a message wait (RFC 4865); 0: it does not.
ALTER TABLE queue_message ADD COLUMN released BIGINT NOT NULL DEFAULT 0;
