-- compatible from 0026
-- 1: it came with REQUIRETLS (RFC 8689), and leaves so or not at all. A release that does not know this
-- column sends on what waits without regard to it, but takes no such mail.
ALTER TABLE queue_message ADD COLUMN require_tls BIGINT NOT NULL DEFAULT 0;
ALTER TABLE held ADD COLUMN require_tls BIGINT NOT NULL DEFAULT 0;
