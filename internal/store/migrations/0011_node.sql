-- Who has the database: written by the node that holds its lock. epoch counts how
-- often it changed hands.
CREATE TABLE store_node (
	id    BIGINT PRIMARY KEY,
	epoch BIGINT NOT NULL,
	host  TEXT NOT NULL,
	pid   BIGINT NOT NULL,
	data  TEXT NOT NULL,   -- the data directory
	since BIGINT NOT NULL
);
INSERT INTO store_node (id, epoch, host, pid, data, since) VALUES (1, 0, '', 0, '', 0);
