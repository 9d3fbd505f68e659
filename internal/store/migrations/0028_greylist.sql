-- compatible from 0026

-- Who has tried to send what to whom: see internal/greylist. No addresses are here, only
-- numbers made of them by a secret key.
CREATE TABLE greylist_triplet (
	triplet   BIGINT PRIMARY KEY, -- made of identity, sender and recipient
	home      BIGINT NOT NULL,    -- made of the identity, shorter in the index
	identity  TEXT NOT NULL,      -- domain or network
	domain    TEXT NOT NULL,      -- of the sender, under which delays are counted
	sender    BIGINT NOT NULL,
	recipient BIGINT NOT NULL,
	state     BIGINT NOT NULL,    -- 0: it waits, 1: it passed
	first     BIGINT NOT NULL,    -- attempt
	last      BIGINT NOT NULL,    -- attempt or use
	tries     BIGINT NOT NULL,
	tx        TEXT NOT NULL,      -- the transaction of the first attempt
	expires   BIGINT NOT NULL
);
CREATE INDEX greylist_triplet_home ON greylist_triplet (home, state, first);
CREATE INDEX greylist_triplet_expires ON greylist_triplet (state, expires, triplet);

-- Domains and networks of which triplets passed.
CREATE TABLE greylist_identity (
	identity TEXT PRIMARY KEY,
	passes   BIGINT NOT NULL,
	first    BIGINT NOT NULL,
	last     BIGINT NOT NULL,
	expires  BIGINT NOT NULL
);
CREATE INDEX greylist_identity_expires ON greylist_identity (expires);

-- How late mail was, by the day of its first attempt and the sender's domain.
CREATE TABLE greylist_delay (
	day    TEXT NOT NULL,
	domain TEXT NOT NULL,
	what   BIGINT NOT NULL,       -- 0 deferred, 1 came back, 2 never did; from 10 on: came back, by how late
	n      BIGINT NOT NULL,
	PRIMARY KEY (day, domain, what)
);

-- How often people changed the rows above: one row.
CREATE TABLE greylist_change (
	id BIGINT PRIMARY KEY,        -- 1
	n  BIGINT NOT NULL
);
