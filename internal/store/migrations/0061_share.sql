-- compatible from 0026
-- Links by which receivers of shares answer, once each: mailbox.Invitation.
CREATE TABLE mailbox_invitation (
	id      TEXT PRIMARY KEY,  -- hash of what the link has
	box     BIGINT NOT NULL,   -- whose folder it is
	folder  BIGINT NOT NULL,   -- 0: all of them
	reader  BIGINT NOT NULL,   -- the receiver's box
	expires BIGINT NOT NULL
);
CREATE INDEX mailbox_invitation_box ON mailbox_invitation (box, folder);
CREATE INDEX mailbox_invitation_folder ON mailbox_invitation (folder);
CREATE INDEX mailbox_invitation_reader ON mailbox_invitation (reader);

ALTER TABLE domain ADD COLUMN shut TEXT NOT NULL DEFAULT '';     -- services that are open to none of its mailboxes
ALTER TABLE mailbox ADD COLUMN shut TEXT NOT NULL DEFAULT '';    -- nor to this one
ALTER TABLE mailbox ADD COLUMN closed BIGINT NOT NULL DEFAULT 0; -- since when it is closed; 0: it is not, or before that was noted
