-- Whose domain it was when the message was held: its number, which no other domain gets.
-- 0: it was held before this was noted.
ALTER TABLE held ADD COLUMN domain_id BIGINT NOT NULL DEFAULT 0;

-- Domains and mailboxes that were removed, while messages held for them are left.
CREATE TABLE held_removed (
	kind  TEXT NOT NULL,    -- domain, mailbox
	owner BIGINT NOT NULL,  -- its number
	name  TEXT NOT NULL,
	PRIMARY KEY (kind, owner)
);
