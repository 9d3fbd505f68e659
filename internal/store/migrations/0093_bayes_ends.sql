-- compatible from 0026
-- Entries that ended a lesson before the one in its row: after a roll-back it may have stood again, and one that takes the
-- roll-back back leads to where it had ended. A release that does not know this table has such a lesson stand.
CREATE TABLE bayes_end (
	lesson BIGINT NOT NULL,
	seq    BIGINT NOT NULL,
	PRIMARY KEY (lesson, seq)
);
