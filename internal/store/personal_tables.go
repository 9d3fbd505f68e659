package store

import (
	"slices"

	"gatepost/internal/privacy"
)

// Why rows are kept.
const (
	choices    = "somebody here, or an operator, chose it for his own mail; --choices has it go"
	ownBox     = "it is the mailbox's, and goes with it: gatepost mailbox remove"
	setting    = "a setting of this system; who made it changes it"
	onItsWay   = "it is on its way, and ends by itself within days"
	ownersMail = "mail in mailboxes is their owners', and is erased by them alone: gatepost mailbox export and remove"
	archived   = "archives keep all mail for as long as their domain says, and who looked at it"
	audited    = "who was given and used which rights is kept for ten years, for whom they were used against"
	keyed      = "hashes made by a secret key, of which nobody can tell whom they are about, and which end by themselves"
	machinery  = "about this system, and nobody"
	others     = "about domains, networks and servers, not people"
	texts      = "words and hashes of messages, without a name"
)

// personalTables is the list.
func personalTables() []personal {
	return slices.Concat(personalMail(), personalPeople(), personalBoxes(), personalSharing(), impersonal())
}

// personalMail are tables of messages, and of what became of them.
func personalMail() []personal {
	return []personal{
		{table: "journal", columns: `id* line* time@ client helo login sender recipient domain- subject subject_key- message_id size policy- action entry- filter- reason- score state evidence-`, walk: "time", about: []about{
			{what: "the journal: mail that the address sent", where: is("sender", "login"), fate: privacy.Blanked, does: blankJournal},
			{what: "the journal: mail to the address", where: is("recipient"), fate: privacy.Removed, does: dropJournal},
		}},
		{table: "held", columns: `id* tx- recipient recipient_fold- box- domain- sender sender_fold- client subject subject_fold- filter- reason- reason_fold- score blob- prefix- skip- size time@ expires@ state author author_fold- proof- guarded- asked@ told same- ended@ late- uid- modseq- untold- domain_id- require_tls- sent_by-`, about: []about{
			{what: "the quarantine: messages from the address, by their envelope or header", where: some(is("sender_fold"), author("author_fold")), fate: privacy.Removed, does: dropPersonalHeld},
			{what: "the quarantine: messages to the address", where: some(is("recipient_fold"), own("box")), fate: privacy.Removed, does: dropPersonalHeld},
		}},
		{table: "held_act", columns: `held* seq* who what time@`, about: []about{
			{what: "the quarantine: what the address did with messages", where: acted("who"), fate: privacy.Blanked, set: `who = 'erased'`},
		}},
		{table: "queue_message", columns: `id* tx- sender blob- prefix- skip- size body- smtputf8- ret- envid- created@ expires@ refs- released- require_tls- sent_by-`, about: []about{
			{what: "the queue: messages from the address", where: is("LOWER(sender)"), fate: privacy.Kept, why: onItsWay},
		}},
		{table: "queue_transfer", columns: `id* message- recipient recipient_fold- domain- notify- original- destination- boxes- folder- state due@ claimed- fence- attempts delayed- host- code enhanced- reply- command- for_rcpt- hold- released- home- sole- teach- proof- spam- virus- filed-`, about: []about{
			{what: "the queue: messages to the address", where: is("recipient_fold", "for_rcpt"), fate: privacy.Kept, why: onItsWay},
		}},
		{table: "queue_event", columns: `tx* time@* transfer* recipient what host code enhanced reply- command- released-`, about: []about{
			{what: "delivery: what was tried with mail to the address", where: is("LOWER(recipient)"), fate: privacy.Blanked, set: `recipient = '', reply = '', command = ''`},
		}},
		{table: "challenge_notice", columns: `sender* domain* id- tx- time@`, about: []about{
			{what: "challenges: the last notices to the address", where: is("sender"), fate: privacy.Removed},
		}},
		{table: "challenge_bounce", columns: `sender* time@`, about: []about{
			{what: "challenges: notices to the address that failed", where: is("sender"), fate: privacy.Removed},
		}},
		{table: "challenge_letter", columns: `id*- sender time@`, about: []about{
			{what: "challenges: notices to the address that are under way", where: is("sender"), fate: privacy.Removed},
		}},
		{table: "greylist_triplet", columns: `triplet*- home- identity domain- sender- recipient- state first@ last@ tries tx- expires@`, about: []about{
			{what: "greylisting: attempts by the address and to it, under numbers made of it", where: byNumber("sender", "recipient"), fate: privacy.Removed, bare: true,
				after: `INSERT INTO greylist_change (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = greylist_change.n + 1`},
		}},
		{table: "digest_told", columns: `box*- recipient* domain- until@ warned@ ends@ sent@ off`, about: []about{
			{what: "digests: up to when the address was told what is held for it", where: all(is("recipient"), only(`off = 0`)), fate: privacy.Removed},
			{what: "digests: that the address wants none", where: all(is("recipient"), only(`off = 1`)), fate: privacy.Kept, why: "forgetting it would have them sent again"},
			{what: "digests: up to when the mailbox was told what is held for it", where: own("box"), fate: privacy.Kept, why: ownBox},
		}},
		{table: "complaint_report", columns: `tx*- time@ body-`, about: []about{
			{what: "complaints: reports by the address, or about it, that nobody has judged yet", where: quoted("body"), fate: privacy.Removed, bare: true},
		}},
		{table: "complaint", columns: `id* report- time@ form type reporter proof- person- message- copy- recipient message_id subject client network- sender domain- account state note- client_weight- sender_weight- ended@ ended_by-`, about: []about{
			{what: "complaints: about mail from the address", where: is("sender", "account"), fate: privacy.Removed, hide: "reporter recipient"},
			{what: "complaints: by the address", where: some(is("reporter", "recipient"), equals("person")), fate: privacy.Blanked, set: `reporter = '', recipient = '', person = id, subject = '', message_id = ''`, hide: "client"},
			{what: "complaints: taken back by the address", where: equals("ended_by"), fate: privacy.Blanked, set: `ended_by = 'erased'`, hide: "reporter recipient sender client account subject message_id"},
		}},
		{table: "complaint_subject", columns: `kind* name* weight at@ people- senders- last@ accepted looked@ changed-`, about: []about{
			{what: "complaints: what those about the address come to", where: all(only(`kind = 'sender'`), is("name")), fate: privacy.Removed,
				after: `UPDATE complaint_subject SET changed = (SELECT MAX(changed) + 1 FROM complaint_subject) WHERE (kind, name) = (SELECT kind, name FROM complaint_subject ORDER BY changed DESC LIMIT 1)`},
		}},
		{table: "dmarc_report", columns: `id*- day domain reporter time@ body-`, about: []about{
			{what: "DMARC: reports that the address sent", where: quoted("body"), fate: privacy.Removed},
		}},
	}
}

// personalPeople are tables of what was said and learnt of people, and of who did something.
func personalPeople() []personal {
	return []personal{
		{table: "list_entry", columns: `id* list kind value scope_kind- scope_name- origin note- created@ expires@ hits last_hit@ revision-`, about: []about{
			{what: "lists: entries that the address made itself, by a challenge", where: all(is("value"), only(`origin = 'challenge'`)), fate: privacy.Removed, does: dropPersonalEntry, before: allBehind},
			{what: "lists: entries of the address that others made", where: all(is("value"), only(`origin <> 'challenge'`)), fate: privacy.Kept, why: choices, does: dropPersonalEntry, before: allBehind},
			{what: "lists: the mailbox's own", where: all(only(`scope_kind = 'mailbox'`), equals("scope_name")), fate: privacy.Kept, why: ownBox, also: "note"},
		}},
		{table: "trust", columns: `scope*- sender* weight used@ learnt@ how-`, about: []about{
			{what: "trust: how much the address is trusted in the mail of somebody here", where: is("sender"), fate: privacy.Removed},
			{what: "trust: whom the mailbox trusts", where: all(scoped("scope"), only(`scope LIKE 'm%'`)), fate: privacy.Kept, why: ownBox},
			{what: "trust: who is trusted in mail to the address", where: equals("scope"), fate: privacy.Removed},
		}},
		{table: "trust_lesson", columns: `held*- scope- sender weight`, about: []about{
			{what: "trust: what releases taught of the address", where: is("sender"), fate: privacy.Removed},
			{what: "trust: what releases taught for the address", where: scoped("scope"), fate: privacy.Removed},
		}},
		{table: "trust_news", columns: `number*- sender`, about: []about{
			{what: "trust: that something is known of the address", where: is("sender"), fate: privacy.Blanked, set: `sender = ''`, bare: true},
		}},
		{table: "learnt_lesson", columns: `id* message- person spam source time@ ended@ ended_by-`, about: []about{
			{what: "lessons: what the address said of messages", where: equals("person"), fate: privacy.Blanked, set: `person = 'erased ' || CAST(id AS TEXT)`},
			{what: "lessons: taken back by the address", where: equals("ended_by"), fate: privacy.Blanked, set: `ended_by = 'erased'`, hide: "person"},
		}},
		{table: "bayes_lesson", columns: `id* message- person domain- spam source time@ state seq- sum- step- score- ended@ ended_seq- ended_by-`, about: []about{
			{what: "Bayes: what the address said of messages", where: equals("person"), fate: privacy.Blanked, set: `person = 'erased ' || CAST(id AS TEXT)`},
			{what: "Bayes: lessons taken back by the address", where: equals("ended_by"), fate: privacy.Blanked, set: `ended_by = 'erased'`, hide: "person"},
		}},
		{table: "bayes_sample", columns: `slot*- seq- message- person domain- features-`, about: []about{
			{what: "Bayes: messages that the address sent in, as hashes", where: equals("person"), fate: privacy.Blanked, set: `person = 'erased'`},
		}},
		{table: "proposal_sample", columns: `id* message- person class- time@ words- hosts- sums-`, about: []about{
			{what: "keywords: messages that the address sent in, as words", where: equals("person"), fate: privacy.Blanked, set: `person = 'erased ' || CAST(id AS TEXT)`},
		}},
		{table: "proposal_decision", columns: `kind* text*- accepted weight who why- time@`, about: []about{
			{what: "keywords: what the address decided", where: equals("who"), fate: privacy.Blanked, set: `who = 'erased'`},
		}},
		{table: "bayes_roll", columns: `seq* back_to- snapshot- day time@ who`, about: []about{
			{what: "Bayes: the address went back to a snapshot", where: equals("who"), fate: privacy.Blanked, set: `who = 'erased'`},
		}},
		{table: "ban", columns: `id* network- cause- note- who step- imposed@ ends@ hits- last_hit- lifted@ lifted_by reason- ended- revision-`, about: []about{
			{what: "bans: imposed or lifted by the address", where: some(equals("who"), equals("lifted_by")), fate: privacy.Blanked, set: `who = 'erased', lifted_by = CASE WHEN lifted_by = '' THEN '' ELSE 'erased' END`},
			{what: "bans: in whose remarks the address is", where: some(mentions("note"), mentions("reason")), fate: privacy.Blanked, set: `note = '', reason = ''`, bare: true},
		}},
		{table: "submission_stop", columns: `box*- since@ reason who-`, about: []about{
			{what: "sending: that the mailbox may send nothing", where: own("box"), fate: privacy.Kept, why: ownBox},
			{what: "sending: stopped by the address", where: equals("who"), fate: privacy.Blanked, set: `who = 'erased'`, bare: true},
		}},
		{table: "alias", columns: `address* targets- created@ revision- kind post- owner-`, about: []about{
			{what: "the address is an alias, a forward or a list", where: equals("address"), fate: privacy.Kept, why: setting},
			{what: "aliases, forwards and lists that lead to the address", where: some(among("targets"), equals("LOWER(owner)")), fate: privacy.Kept, why: setting, bare: true},
		}},
		{table: "sender", columns: `name* id- also- scram- cert_keys- networks off created@ revision- gone-`, about: []about{
			{what: "the address is the log-in of a server or device", where: all(equals("name"), only(`gone = 0`)), fate: privacy.Kept, why: setting},
			{what: "the address was the log-in of a server or device", where: all(equals("name"), only(`gone <> 0`)), fate: privacy.Removed, before: allBehind},
		}},
		{table: "directory_gone", columns: `kind* name*- revision-`, about: []about{
			{what: "the directory: that something of the address was removed", where: tabbed("name"), fate: privacy.Removed, before: allBehind},
		}},
		{table: "domain", columns: `name* id- policy- disposition- challenge- created- revision- names- catch_all- hosts- smarthost- lookup- login- language- zone- digest_hours- challenged- owners- learn_outgoing- each_bytes- each_messages- each_inbound- each_inbound_bytes- total_bytes- total_messages- junk_days- trash_days- archive_days- signs_returns- outgoing- mail_names- shut- rules_in- rules_out- rules_local- owners_lock- address_list- owners_collect- shut_pages-`, about: []about{
			{what: "domains in whose rules the address stands", where: some(mentions("rules_in"), mentions("rules_out"), mentions("rules_local")), fate: privacy.Kept, why: setting, bare: true},
			{what: "domains whose mail to nobody goes to the address", where: equals("LOWER(catch_all)"), fate: privacy.Kept, why: setting, bare: true},
		}},
		{table: "admin", columns: `name* id- password_hash- scram- role domains language state created@ revision- rights`, about: []about{
			{what: "the address looks after this system", where: equals("name"), fate: privacy.Kept, why: "it is an account: gatepost admin remove"},
		}},
		{table: "audit", columns: `id*- time@ who what whom about-`, about: []about{
			{what: "rights: what the address gave and took", where: acted("who"), fate: privacy.Kept, why: audited},
			{what: "rights: what others gave the address and took from it", where: equals("whom"), fate: privacy.Kept, why: audited},
			{what: "rights: what was noted of others that names the address", where: mentions("about"), fate: privacy.Kept, why: audited, bare: true},
		}},
		{table: "archive_act", columns: `domain* id*- time@ who what about-`, about: []about{
			{what: "archives: what the address did and looked at", where: equals("who"), fate: privacy.Kept, why: archived},
			{what: "archives: what others looked for that names the address", where: mentions("about"), fate: privacy.Kept, why: archived, bare: true},
		}},
	}
}
