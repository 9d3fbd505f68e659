-- What admins look for when the queue is long: who fills it, and how much of it fails.
CREATE INDEX queue_message_sender ON queue_message (LOWER(sender));
CREATE INDEX queue_transfer_failing ON queue_transfer (state) WHERE attempts > 0;
