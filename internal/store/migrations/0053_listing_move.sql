-- compatible from 0026
-- Messages that an owner brought into a folder that lists senders, noted in the commit that brought
-- them, until somebody has looked at them.
CREATE TABLE mailbox_listing_move (
	box    BIGINT NOT NULL,
	modseq BIGINT NOT NULL,  -- of that commit
	source BIGINT NOT NULL,  -- the folders
	target BIGINT NOT NULL,
	uid    BIGINT NOT NULL,  -- the first of them, in target
	number BIGINT NOT NULL,  -- of messages, whose UIDs follow one another
	before BIGINT NOT NULL,  -- they were copied, from UIDs of source below this; 0: they were moved
	due    BIGINT NOT NULL,  -- when they are looked at
	tries  BIGINT NOT NULL,
	PRIMARY KEY (box, modseq)
);

-- Whether a box was given the folders that list senders.
ALTER TABLE mailbox_box ADD COLUMN listings BIGINT NOT NULL DEFAULT 0;
CREATE INDEX mailbox_box_unlisted ON mailbox_box (box) WHERE listings = 0;
