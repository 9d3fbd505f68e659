-- The recipient that the client named, folded: the journal's line of a transfer.
ALTER TABLE queue_transfer ADD COLUMN for_rcpt TEXT NOT NULL DEFAULT '';
