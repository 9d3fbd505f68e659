-- Held messages by which the same one is known that comes again: see quarantine/challenge.
CREATE TABLE held_same (
	same   TEXT PRIMARY KEY,   -- challenge.Key: sender, recipient, content
	held   TEXT NOT NULL,      -- the held message
	origin TEXT NOT NULL,      -- challenge.Origin: sender and Message-ID; '' where it has none
	time   BIGINT NOT NULL     -- when it was held
);
CREATE INDEX held_same_origin ON held_same (origin) WHERE origin <> '';
CREATE INDEX held_same_time ON held_same (time);

-- The last notice to a sender about a recipient domain.
CREATE TABLE challenge_notice (
	sender TEXT NOT NULL,      -- challenge.Canonical of the reverse-path
	domain TEXT NOT NULL,
	id     TEXT NOT NULL,      -- the notice's queue_message
	tx     TEXT NOT NULL,      -- the transaction that it is about
	time   BIGINT NOT NULL,
	PRIMARY KEY (sender, domain)
);
CREATE INDEX challenge_notice_time ON challenge_notice (time);
CREATE INDEX challenge_notice_id ON challenge_notice (id);

-- Senders to whom a notice failed for good.
CREATE TABLE challenge_bounce (
	sender TEXT PRIMARY KEY,
	time   BIGINT NOT NULL
);
CREATE INDEX challenge_bounce_time ON challenge_bounce (time);

-- Up to which UID a Junk folder's mail had arrived by some time: what is below is at
-- least that old, whatever date it bears.
CREATE TABLE mailbox_junk (
	folder BIGINT NOT NULL,
	time   BIGINT NOT NULL,
	next   BIGINT NOT NULL,    -- the folder's next UID then
	PRIMARY KEY (folder, time)
);
CREATE INDEX mailbox_junk_time ON mailbox_junk (time);
CREATE INDEX mailbox_folder_junk ON mailbox_folder (id) WHERE special_use = '\Junk';
