-- compatible from 0026
-- What a mailbox may take up and take in (directory.Limits). 0: it is not said here, -1: there is no limit.
ALTER TABLE mailbox ADD COLUMN quota_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN quota_messages BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN inbound BIGINT NOT NULL DEFAULT 0;    -- messages an hour
ALTER TABLE domain ADD COLUMN each_bytes BIGINT NOT NULL DEFAULT 0;  -- of each of its mailboxes that says nothing itself
ALTER TABLE domain ADD COLUMN each_messages BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domain ADD COLUMN each_inbound BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domain ADD COLUMN total_bytes BIGINT NOT NULL DEFAULT 0; -- of all of its mailboxes together; 0: no limit
ALTER TABLE domain ADD COLUMN total_messages BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domain ADD COLUMN junk_days BIGINT NOT NULL DEFAULT 0;   -- how long mail stays in folders for junk; 0: the node's choice, -1: for ever
ALTER TABLE domain ADD COLUMN trash_days BIGINT NOT NULL DEFAULT 0;

-- Whose a box is. What an address has behind its last @ is written so that both engines know
-- the words.
CREATE TABLE mailbox_home (
	box    BIGINT PRIMARY KEY,
	domain BIGINT NOT NULL -- its number
);
INSERT INTO mailbox_home (box, domain) SELECT b.box, d.id FROM mailbox_box b JOIN mailbox m ON m.id = b.box
	JOIN domain d ON d.name = substr(m.address, length(rtrim(m.address, replace(m.address, '@', ''))) + 1);

-- What the boxes of a domain take up together, in shards: one row would be the lock of the
-- whole domain.
CREATE TABLE mailbox_usage (
	domain   BIGINT NOT NULL,
	shard    BIGINT NOT NULL, -- box % 16
	messages BIGINT NOT NULL,
	bytes    BIGINT NOT NULL,
	PRIMARY KEY (domain, shard)
);
INSERT INTO mailbox_usage (domain, shard, messages, bytes)
	SELECT h.domain, b.box % 16, SUM(b.messages), SUM(b.bytes) FROM mailbox_box b JOIN mailbox_home h ON h.box = b.box GROUP BY h.domain, b.box % 16;

-- When the owner of a box was told last that it is nearly full.
CREATE TABLE mailbox_warning (
	box  BIGINT PRIMARY KEY,
	time BIGINT NOT NULL
);
