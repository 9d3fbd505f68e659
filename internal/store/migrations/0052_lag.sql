-- compatible from 0026
-- Folders in which flags are changed by commits that may not be durable yet: see lag.go.
CREATE TABLE mailbox_lag (folder BIGINT PRIMARY KEY);

-- While its row is there, no commit can have been lost since it was made.
CREATE /* unlogged */ TABLE store_alive (boot TEXT PRIMARY KEY);
