package store

import (
	"strings"

	"gatepost/internal/privacy"
)

// ofBox is what is a mailbox's, and goes with it.
func ofBox(what string, where condition) about {
	return about{what: what, where: where, fate: privacy.Kept, why: ownBox}
}

// personalSharing are tables of what people here share with each other.
func personalSharing() []personal {
	return []personal{
		{table: "mailbox_grant", columns: `box*- folder*- who* rights`, about: []about{
			ofBox("sharing: who may do what in the mailbox", own("box")),
			{what: "sharing: what others let the mailbox do in theirs", where: ownWord("who", "box:"), fate: privacy.Kept, why: ownBox, hide: "who"},
		}},
		{table: "mailbox_sender", columns: `box*- who* how`, about: []about{
			ofBox("sharing: who may send for the mailbox", own("box")),
			{what: "sharing: for whom the mailbox may send", where: ownWord("who", "box:"), fate: privacy.Kept, why: ownBox, hide: "who"},
		}},
		{table: "mailbox_send_request", columns: `id*- asker- address box- how asked@ expires@ declined`, about: []about{
			ofBox("sharing: what the mailbox asked to send as", own("asker")),
			{what: "sharing: requests of others to send for the mailbox", where: own("box"), fate: privacy.Kept, why: ownBox, bare: true},
			{what: "sharing: requests of others to send as the address", where: equals("address"), fate: privacy.Kept, why: onItsWay, bare: true},
		}},
		{table: "mailbox_answer", columns: `folder*- reader*- answer`, about: []about{ofBox("sharing: what the mailbox answered to what others share", own("reader"))}},
		{table: "mailbox_invitation", columns: `id*- box- folder- reader- expires@`, about: []about{ofBox("sharing: invitations to the mailbox", own("reader"))}},
	}
}

// personalBoxes are tables of what people here have: their mailboxes, and how they come in.
func personalBoxes() []personal {
	const inFolder = `folder IN (SELECT id FROM mailbox_folder WHERE box = ?)`
	folders := func(s *privacy.Subject) (string, []any) { return inFolder, []any{s.Box} }
	person := func(s *privacy.Subject) (string, []any) {
		return `(kind = 'mailbox' AND person = ? AND person > 0 OR kind = 'admin' AND person IN (SELECT id FROM admin WHERE name = ?))`, []any{s.Box, string(s.Address)}
	}
	of := ofBox
	count := func(a about) []about { a.bare = true; return []about{a} }
	return []personal{
		{table: "mailbox", columns: `address* id- password_hash- scram- language state created@ revision- copies disposition level no_digest quota_bytes quota_messages inbound inbound_bytes apps shut closed@ locked name unlisted shut_pages`, about: []about{
			{what: "the mailbox", where: own("id"), fate: privacy.Kept, why: ownBox, shown: map[string]func(string) any{"apps": appNames}},
			{what: "mailboxes that send copies of their mail to the address", where: among("copies"), fate: privacy.Kept, why: setting, bare: true},
		}},
		{table: "mailbox_box", columns: `box*- modseq- email- uidvalidity- messages bytes kept_bytes listings-`, about: []about{of("the mailbox: how much is in it", own("box"))}},
		{table: "mailbox_folder", columns: `id*- box- name special_use uidvalidity- uidnext- modseq- messages unseen deleted- bytes expunged_floor-`, about: []about{of("the mailbox: folders; the mail in them: gatepost mailbox export", own("box"))}},
		{table: "mailbox_subscription", columns: `box*- name*`, about: []about{of("the mailbox: folders that it subscribes to", own("box"))}},
		{table: "mailbox_app_use", columns: `box*- app* used@`, about: []about{of("the mailbox: when passwords of programs were used last", own("box"))}},
		{table: "account_login", columns: `box*- door* network* client first@ last@ count`, about: []about{
			of("log-ins: from where, at which door", own("box")),
			{what: "log-ins to the pages, of the admin who has the address: from where", where: func(s *privacy.Subject) (string, []any) {
				return `box IN (SELECT id FROM admin WHERE name = ?)`, []any{string(s.Address)}
			}, fate: privacy.Kept, why: "it is an account: gatepost admin remove"},
		}},
		{table: "account_recovery", columns: `box*- address since@`, about: []about{
			of("where the owner is reached who lost the password", own("box")),
			{what: "mailboxes whose owner is reached at the address", where: equals("LOWER(address)"), fate: privacy.Kept, why: ownBox, bare: true},
		}},
		{table: "account_link", columns: `id*- box- kind address mark- created@ expires@ used-`, about: []about{
			of("links by mail that work once", own("box")),
			{what: "links that were sent to the address, for a mailbox here", where: equals("LOWER(address)"), fate: privacy.Kept, why: onItsWay, bare: true},
		}},
		{table: "mailbox_warning", columns: `box*- time@`, about: []about{of("the mailbox: when it was told last that it is nearly full", own("box"))}},
		{table: "mailbox_annotation", columns: `folder*- reader*- entry* value`, about: []about{of("the mailbox: notes on folders", own("reader"))}},
		{table: "sieve_script", columns: `box*- name* content changed@`, about: []about{of("rules", own("box"))}},
		{table: "sieve_box", columns: `box*- revision- active`, about: []about{of("rules: which ones run", own("box"))}},
		{table: "sieve_memory", columns: `box*- id*- expires-`, about: count(of("rules: whom vacation answered, as hashes", own("box")))},
		{table: "collector", columns: `id*- name box- settings password- token- paused due@ last@ good@ failing@ failures fault told- taken size unfit owned identity confirmed@`, about: []about{of("the collector: accounts elsewhere", own("box"))}},
		{table: "collector_folder", columns: `account*- name* target validity- state- messages unfit changed removed fault`, about: []about{
			of("imports: folders of accounts elsewhere", func(s *privacy.Subject) (string, []any) {
				return `account IN (SELECT id FROM collector WHERE box = ?)`, []any{s.Box}
			}),
		}},
		{table: "submission_count", columns: `box*- hour* node*- messages refused fresh excess wrong networks changed-`, about: []about{of("sending: how much in each hour since 1970", own("box"))}},
		{table: "submission_limit", columns: `owner*- per_minute per_hour per_day recipients`, about: []about{of("sending: the mailbox's own limits", ownWord("owner", "m"))}},
		{table: "web_session", columns: `id*- kind person- mark- waiting created@ seen@ expires@ client agent stays- support-`, about: []about{of("log-ins to the pages", person)}},
		{table: "web_factor", columns: `kind* person*- secret- confirmed step- since@`, about: []about{of("the second factor", person)}},
		{table: "web_recovery", columns: `kind*- person*- code*-`, about: count(of("codes for the loss of the second factor", person))},
		{table: "archive_opening", columns: `box*- reader*- since@ until@ why-`, about: []about{of("archives that are open to the mailbox", own("reader"))}},
		{table: "mailbox_deleted", columns: `box*- email*- time@ folder- name special_use- flags- keywords- internal_date@ size`, about: []about{of("the mailbox: deleted mail that can be brought back", own("box"))}},
		{table: "mailbox_email", columns: `box*- id*- blob- prefix- skip- envelope- structure- refs- preview-`, about: count(about{what: "the mailbox: messages", where: own("box"), fate: privacy.Kept, why: ownersMail})},
		{table: "mailbox_message", columns: `folder*- uid*- modseq- flags- keywords- internal_date- size- email- saved-`, why: ownersMail},
		{table: "mailbox_page", columns: `folder*- block*- kind*- messages- data-`, why: ownersMail},
		{table: "mailbox_noted", columns: `folder*- modseq*- first*- last- flags- keywords-`, why: ownersMail},
		{table: "mailbox_search", columns: `box*- done- block- gone-`, why: ownersMail},
		{table: "mailbox_search_loose", columns: `box*- email*- size- bits-`, why: ownersMail},
		{table: "mailbox_search_block", columns: `box*- block*- size- emails-`, why: ownersMail},
		{table: "mailbox_search_bits", columns: `box*- block*- part*- bits-`, why: ownersMail},
		{table: "mailbox_expunged", columns: `folder*- modseq*- uid*-`, about: count(of("the mailbox: the log of what was expunged, as numbers", folders))},
		{table: "mailbox_junk", columns: `folder*- time*- next-`, why: machinery},
		{table: "mailbox_listing_move", columns: `box*- modseq*- source- target- uid- number- before- due- tries-`, why: machinery},
		{table: "mailbox_group", columns: `box*-`, why: machinery},
		{table: "mailbox_home", columns: `box*- domain-`, why: machinery},
		{table: "collector_mark", columns: `account*- folder*- validity*- id*- fate- sum- size- time- uid- flags-`, why: "numbers of messages in accounts elsewhere, and hashes; they go with the collector"},
	}
}

// appNames are the names of a mailbox's passwords of programs.
func appNames(text string) any {
	apps, err := splitApps(text)
	names := []string{}
	for _, a := range apps {
		names = append(names, a.Name)
	}
	if err != nil {
		return nil
	}
	return names
}

// impersonal are tables in which nothing is about a person, and why.
func impersonal() (list []personal) {
	for _, group := range []struct{ why, tables string }{
		{machinery, `schema_version: version* name
			schema_compatible: version* since
			sqlite_sequence: name seq
			blob: id* size refs dead
			directory_counter: name* value
			mailbox_folder_id: last
			mailbox_usage: domain* shard* messages bytes
			mailbox_lag: folder*
			secret: name* value
			mail_host: name* id address roles protocol tls priority login password created revision spam domain own_address
			store_node: id* epoch host pid data since shared
			store_alive: boot*
			held_day: block* day* filter* held
			digest_run: domain* slot until
			clock_mark: id* time doubt waited
			ban_counter: name* value
			trust_counter: name* value
			learnt_counter: name* value
			greylist_change: id* n
			sieve_revision: id* value
			bayes_head: id* seq
			bayes_end: lesson* seq*
			bayes_snapshot: id* seq day time node octets whole touched
			bayes_entry: seq* node time octets
			bayes_record: day* spam* score* count
			bayes_guard: day* ham spam
			content_place: id* place numbers
			lease: name* holder until
			signing_key: domain* selector* kind private state made since problem
			signing_revision: id* value
			certificate: name* private chain next next_at due tries problem tried revision
			certificate_revision: id* value
			certificate_account: directory* private uri contact
			certificate_proof: kind* subject* answer expires
			node_hostname: name* seen`},
		{"what is held for a mailbox or domain that was removed; it goes as soon as that has ended", `held_removed: kind* owner* name`},
		{others, `mtasts_policy: domain* id policy fetched
			tls_domain: day* domain* due
			tls_policy: day* domain* policy* type strings mx success failure
			tls_failure: day* domain* policy* result* sending* mx* receiving* reason* sessions
			dmarc_domain: day* domain* due
			dmarc_seen: day* domain* id* body messages
			dmarc_sum: domain* day* reporter* network* messages passed dkim spf acted
			greylist_identity: identity* passes first last expires
			greylist_delay: day* domain* what* n`},
		{keyed, `held_same: same* held origin time
			held_block: id* first last level size
			held_mark: block* part* marks
			held_gram: bucket* block* grams
			sent: day* mark*
			outbreak_seen: sum* recipient* time
			bulk_seen: id* time sum sketch organisations signers stopped`},
		{texts, `learnt_print: id* kind sum spam ham sources first last revision networks domains home
			learnt_taught: print* lesson*
			bayes_entry_piece: seq* part* data
			bayes_snapshot_piece: snapshot* part* data
			fingerprint: id* domain name shingles added`},
		{"that something was exported or erased, under a number made of the address by a secret key", `privacy_act: id* time who what subject found ended`},
		{"pointers to evidence that is being erased", `privacy_scrub: evidence* tx`},
	} {
		for line := range strings.Lines(group.tables) {
			name, columns, _ := strings.Cut(strings.TrimSpace(line), ":")
			list = append(list, personal{table: name, columns: columns, why: group.why})
		}
	}
	return list
}
