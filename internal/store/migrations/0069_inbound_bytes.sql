-- compatible from 0026
-- How many octets strangers may bring to a mailbox in an hour (directory.Limits), as 0043 has it for messages.
ALTER TABLE mailbox ADD COLUMN inbound_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domain ADD COLUMN each_inbound_bytes BIGINT NOT NULL DEFAULT 0;
