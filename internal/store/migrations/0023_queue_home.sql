-- Whose a transfer is, and what its end means for what it was released from.
ALTER TABLE queue_transfer ADD COLUMN home TEXT NOT NULL DEFAULT '';  -- the domain here, by its own name; '': that of for_rcpt
ALTER TABLE queue_transfer ADD COLUMN sole BIGINT NOT NULL DEFAULT 0; -- 1: nobody else got anything by the release
