-- compatible from 0026
-- The names by which nodes sign what they found of mail (RFC 8601 §2.5), of now and of before.
CREATE TABLE node_hostname (
	name TEXT PRIMARY KEY,  -- lower case
	seen BIGINT NOT NULL    -- when a node last said that this is its name
);
