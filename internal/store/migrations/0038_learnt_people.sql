-- compatible from 0026
-- Who says that a print is spam: strangers' networks (of traps, and viruses), and people of
-- how many domains. A print of the time before, and one that a node of the release before taught, has
-- neither until it is taught again: unless an operator taught it, it does not count so long.
ALTER TABLE learnt_print ADD COLUMN networks BIGINT NOT NULL DEFAULT 0;
ALTER TABLE learnt_print ADD COLUMN domains  BIGINT NOT NULL DEFAULT 0;
ALTER TABLE learnt_print ADD COLUMN home     BIGINT NOT NULL DEFAULT 0; -- learnt.Home of the domain, where there is but one
