-- Death in two steps: when refs is found to be 0 the time is noted, and only a day
-- later may row and content go. 0: not marked. A reference takes the mark away.
ALTER TABLE blob ADD COLUMN dead BIGINT NOT NULL DEFAULT 0;
CREATE INDEX blob_unmarked ON blob (id) WHERE refs = 0 AND dead = 0;
CREATE INDEX blob_dead ON blob (id, dead, size) WHERE refs = 0;
