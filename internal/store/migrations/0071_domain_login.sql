-- compatible from 0026
-- The look-up that knows the passwords of the domain's people; '': they are here.
ALTER TABLE domain ADD COLUMN login TEXT NOT NULL DEFAULT '';
