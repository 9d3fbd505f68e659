-- The clock as it was last believed, by which chores tell what is old: one row.
CREATE TABLE clock_mark (
	id     BIGINT PRIMARY KEY, -- 1
	time   BIGINT NOT NULL,    -- the last time that was believed
	doubt  BIGINT NOT NULL,    -- the last that was not, since then; 0: there was none
	waited BIGINT NOT NULL     -- how long the node has run in doubt, in microseconds
);
