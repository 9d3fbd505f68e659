-- compatible from 0026
-- Who asks to send for whom: mailbox.SendRequest. What was granted has no row any more.
CREATE TABLE mailbox_send_request (
	id       TEXT PRIMARY KEY,
	asker    BIGINT NOT NULL,           -- the mailbox whose owner asks
	address  TEXT NOT NULL,             -- that he named
	box      BIGINT NOT NULL,           -- whose it is; 0: nobody is asked
	how      TEXT NOT NULL,             -- mailbox.Sending
	asked    BIGINT NOT NULL,
	expires  BIGINT NOT NULL,
	declined BIGINT NOT NULL DEFAULT 0  -- 1: it was answered
);
CREATE UNIQUE INDEX mailbox_send_request_asker ON mailbox_send_request (asker, address);
CREATE INDEX mailbox_send_request_box ON mailbox_send_request (box);
