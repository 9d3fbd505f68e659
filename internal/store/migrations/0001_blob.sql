-- Content that somebody refers to. An id that is in the content store and not
-- here is an orphan of a crash between content and commit.
CREATE TABLE blob (
	id    TEXT PRIMARY KEY,
	size  BIGINT NOT NULL,   -- octets of content
	refs  BIGINT NOT NULL    -- mailbox and quarantine rows that name it
);
