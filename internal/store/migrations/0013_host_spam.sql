ALTER TABLE mail_host ADD COLUMN spam TEXT NOT NULL DEFAULT 'hold'; -- what becomes of spam for it: hold, tag
