-- compatible from 0026
-- The queue as people look through it: by the domain whose mail it is, and by senders under signed return paths.
CREATE INDEX queue_transfer_home ON queue_transfer (home, id);
CREATE INDEX queue_message_signed ON queue_message (LOWER(SUBSTR(sender, 17))) WHERE SUBSTR(sender, 1, 5) = 'prvs=';
