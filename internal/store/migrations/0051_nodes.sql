-- compatible from 0026
-- 1: nodes that share contents have the database, any number of them at once (package store, node.go).
ALTER TABLE store_node ADD COLUMN shared BIGINT NOT NULL DEFAULT 0;

-- Where the contents are that rows name, once it is not the data directory, and how many processes have been told so.
CREATE TABLE content_place (
	id      BIGINT PRIMARY KEY,
	place   TEXT NOT NULL,   -- '': the data directory
	numbers BIGINT NOT NULL
);
INSERT INTO content_place (id, place, numbers) VALUES (1, '', 0);

-- What one node at a time does: who, and until when if he is not heard of any more.
CREATE TABLE lease (
	name   TEXT PRIMARY KEY,
	holder TEXT NOT NULL,
	until  BIGINT NOT NULL
);
