-- What is held, and not reported, where the next hop refuses it for good.
ALTER TABLE queue_transfer ADD COLUMN hold BIGINT NOT NULL DEFAULT 0;      -- 1: so
ALTER TABLE queue_transfer ADD COLUMN released TEXT NOT NULL DEFAULT '';   -- the held message that it was released from
