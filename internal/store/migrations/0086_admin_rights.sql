-- compatible from 0026
-- Of what an admin's role may, what he may: names of actions, between commas. "": all of it. A release that does not
-- know this column leaves it as it is.
ALTER TABLE admin ADD COLUMN rights TEXT NOT NULL DEFAULT '';
