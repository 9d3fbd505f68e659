-- compatible from 0026
-- From where mailboxes were logged in to, a row for each door and network: access.Login.
CREATE TABLE account_login (
	box     BIGINT NOT NULL,
	door    TEXT NOT NULL,     -- imap, pop3, sieve, submission, web
	network TEXT NOT NULL,     -- an IPv4 address, an IPv6 /64
	client  TEXT NOT NULL,     -- the last address of it
	first   BIGINT NOT NULL,
	last    BIGINT NOT NULL,
	count   BIGINT NOT NULL,
	PRIMARY KEY (box, door, network)
);
CREATE INDEX account_login_last ON account_login (last);

-- Where the owner of a mailbox is reached who has lost his password; confirmed by him.
CREATE TABLE account_recovery (
	box     BIGINT PRIMARY KEY,
	address TEXT NOT NULL,
	since   BIGINT NOT NULL
);

-- Links that work once, by mail: access.Link. Those that were used stay for a day, to be counted.
CREATE TABLE account_link (
	id      TEXT PRIMARY KEY,  -- hash of what the link has
	box     BIGINT NOT NULL,
	kind    TEXT NOT NULL,     -- reset, confirm
	address TEXT NOT NULL,     -- to confirm, or where it was sent; '': an operator has it
	mark    TEXT NOT NULL,     -- of the mailbox's password when it was made
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	used    BIGINT NOT NULL    -- 1: it was
);
CREATE INDEX account_link_box ON account_link (box, kind, created);
CREATE INDEX account_link_created ON account_link (created);

ALTER TABLE web_session ADD COLUMN stays BIGINT NOT NULL DEFAULT 0; -- 1: the browser is to stay logged in
