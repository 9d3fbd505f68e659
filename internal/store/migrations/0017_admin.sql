-- Who looks after the node or some of its domains, and logs in to its pages.
CREATE TABLE admin (
	name          TEXT PRIMARY KEY,  -- the log-in, folded
	id            BIGINT NOT NULL UNIQUE,
	password_hash TEXT NOT NULL,     -- argon2id
	scram         TEXT NOT NULL,     -- RFC 5803
	role          TEXT NOT NULL,     -- operator, admin, helpdesk
	domains       TEXT NOT NULL,     -- one a line
	language      TEXT NOT NULL,
	state         TEXT NOT NULL,     -- active, suspended
	created       BIGINT NOT NULL,
	revision      BIGINT NOT NULL
);
CREATE INDEX admin_revision ON admin (revision);

-- What a domain decides about digests, challenges and its owners.
ALTER TABLE domain ADD COLUMN language TEXT NOT NULL DEFAULT '';
ALTER TABLE domain ADD COLUMN zone TEXT NOT NULL DEFAULT '';         -- of the IANA database
ALTER TABLE domain ADD COLUMN digest_hours TEXT NOT NULL DEFAULT ''; -- with commas between; '': the node's, 'none': never
ALTER TABLE domain ADD COLUMN challenged TEXT NOT NULL DEFAULT '';   -- domain, mailbox, none; '': the node's
ALTER TABLE domain ADD COLUMN owners TEXT NOT NULL DEFAULT '';       -- what owners may set, with commas between

-- What an owner sets. It counts where the domain leaves it open.
ALTER TABLE mailbox ADD COLUMN disposition TEXT NOT NULL DEFAULT ''; -- '': the domain's
ALTER TABLE mailbox ADD COLUMN level BIGINT NOT NULL DEFAULT 0;      -- 1 to 7; 0: the policy's own
ALTER TABLE mailbox ADD COLUMN no_digest BIGINT NOT NULL DEFAULT 0;  -- 1: none is wanted

-- Pages of the entries of some scopes, or of all within some domains, a mailbox's
-- address cut behind its last @; entries that are over.
CREATE INDEX list_entry_scope ON list_entry (scope_kind, scope_name, id);
CREATE INDEX list_entry_domain ON list_entry (substr(scope_name, length(rtrim(scope_name, replace(scope_name, '@', ''))) + 1), id);
CREATE INDEX list_entry_expires ON list_entry (expires) WHERE expires > 0;
