package ops

import "time"

// A Domain is one whose mail this node takes.
type Domain struct {
	Name        string    `json:"name"`
	Policy      string    `json:"policy"`      // "": the node's default
	Disposition string    `json:"disposition"` // quarantine, junk, tag
	Mailboxes   int       `json:"mailboxes"`
	Aliases     int       `json:"aliases"`    // with forwards and distribution lists
	Names       []string  `json:"names"`      // other names
	MailNames   []string  `json:"mail_names"` // names of this system that are its people's
	CatchAll    string    `json:"catch_all"`  // who gets mail for unknown addresses; "": nobody
	Hosts       []string  `json:"hosts"`      // mail hosts that take what has no mailbox here
	Smarthost   string    `json:"smarthost"`  // mail host that its outgoing mail goes over; "": the node's way
	Lookup      string    `json:"lookup"`     // that knows its recipients on hosts; "": all are taken
	Login       string    `json:"login"`      // look-up that knows the passwords of its people; "": they are kept here
	Created     time.Time `json:"created"`

	Challenge      string   `json:"challenge"`       // reply, notice, off
	ChallengeAllow string   `json:"challenge_allow"` // whom a solved one allows: domain, mailbox, none; "": the node's
	DigestHours    string   `json:"digest_hours"`    // "6,14", "none"; "": the node's
	Zone           string   `json:"zone"`            // of these hours, such as Europe/Paris; "": the node's
	Language       string   `json:"language"`        // "en", "fr"; "": the node's
	Owners         []string `json:"owners"`          // what its mailboxes' owners may set: collect, digest, disposition, level, lock
	LearnOutgoing  string   `json:"learn_outgoing"`  // who trusts those whom its people write to: mailbox, domain, off
	Outgoing       string   `json:"outgoing"`        // policy of what its people send; "": the node's

	SignsReturns *time.Time `json:"signs_returns,omitempty"` // since when their return paths are signed (BATV); nil: they are not
	Warnings     []string   `json:"warnings,omitempty"`      // what was set and comes to nothing

	Each      Limits `json:"each"`       // of each mailbox that has none of its own; 0: none
	Total     Limits `json:"total"`      // of all of its mailboxes together; 0: none
	Messages  int64  `json:"messages"`   // that its mailboxes hold
	Bytes     int64  `json:"bytes"`      // that these are
	JunkDays  int    `json:"junk_days"`  // that mail stays in Junk; 0: as the node says, -1: for ever
	TrashDays int    `json:"trash_days"` // and in Trash

	ArchiveDays int `json:"archive_days"` // that all mail in and out is kept; 0: not, -1: for ever

	Keys   []string          `json:"keys,omitempty"`   // that sign its mail: selector and state; only where one is shown, as all below
	Sends  *SubmissionLimits `json:"sends,omitempty"`  // limits of each log-in that are the domain's own
	Admins []string          `json:"admins,omitempty"` // who looks after it, and is no operator: name and role

	Shut        []string `json:"shut,omitempty"`       // services that are open to none of its mailboxes
	ShutPages   []string `json:"shut_pages,omitempty"` // pages that are open to none of their owners
	AddressList string   `json:"address_list"`         // whom owners see of each other: off, groups, domain

	Rules []string `json:"rules,omitempty"` // mail for which it has rules: in, out, local
}

// DomainAdd makes a domain. Result: Domain.
type DomainAdd struct {
	Name        string   `json:"name"`
	Policy      string   `json:"policy,omitempty"`
	Disposition string   `json:"disposition,omitempty"` // "": quarantine
	Names       []string `json:"names,omitempty"`
	MailNames   []string `json:"mail_names,omitempty"`
	CatchAll    string   `json:"catch_all,omitempty"`
	Hosts       []string `json:"hosts,omitempty"`
	Smarthost   string   `json:"smarthost,omitempty"`
	Lookup      string   `json:"lookup,omitempty"`
	Login       string   `json:"login,omitempty"`

	Challenge      string   `json:"challenge,omitempty"` // "": off
	ChallengeAllow string   `json:"challenge_allow,omitempty"`
	DigestHours    string   `json:"digest_hours,omitempty"`
	Zone           string   `json:"zone,omitempty"`
	Language       string   `json:"language,omitempty"`
	Owners         []string `json:"owners,omitempty"`
	LearnOutgoing  string   `json:"learn_outgoing,omitempty"` // "": mailbox
	Outgoing       string   `json:"outgoing,omitempty"`
	SignReturns    string   `json:"sign_returns,omitempty"` // on, off; "": off
	AddressList    string   `json:"address_list,omitempty"` // off, groups, domain; "": off

	Quota         *int64 `json:"quota,omitempty"`          // of each mailbox that has none of its own; -1, 0: none
	QuotaMessages *int64 `json:"quota_messages,omitempty"` // of each
	Inbound       *int64 `json:"inbound,omitempty"`        // of each
	InboundBytes  *int64 `json:"inbound_bytes,omitempty"`  // of each
	Total         *int64 `json:"total,omitempty"`          // octets of all together
	TotalMessages *int64 `json:"total_messages,omitempty"`
	JunkDays      *int   `json:"junk_days,omitempty"`
	TrashDays     *int   `json:"trash_days,omitempty"`
	ArchiveDays   *int   `json:"archive_days,omitempty"`
}

// DomainList asks for the domains, by name. Result: []Domain.
type DomainList struct {
	Host string `json:"host,omitempty"` // only those that use this mail host
	Page
}

// DomainShow asks for one. Result: Domain.
type DomainShow struct {
	Name string `json:"name"`
}

// DomainSet changes one. Result: Domain.
type DomainSet struct {
	Name        string    `json:"name"`
	Policy      *string   `json:"policy,omitempty"`
	Disposition *string   `json:"disposition,omitempty"`
	MailNames   *[]string `json:"mail_names,omitempty"`
	Names       *[]string `json:"names,omitempty"` // these lists stand instead of what was there
	CatchAll    *string   `json:"catch_all,omitempty"`
	Hosts       *[]string `json:"hosts,omitempty"`
	Smarthost   *string   `json:"smarthost,omitempty"`
	Lookup      *string   `json:"lookup,omitempty"`
	Login       *string   `json:"login,omitempty"`
	Shut        *[]string `json:"shut,omitempty"`       // services: imap, pop3, sieve, submission, web
	ShutPages   *[]string `json:"shut_pages,omitempty"` // forwards, rules, vacation, password, anti-spam, shares

	Challenge      *string   `json:"challenge,omitempty"`
	ChallengeAllow *string   `json:"challenge_allow,omitempty"`
	DigestHours    *string   `json:"digest_hours,omitempty"`
	Zone           *string   `json:"zone,omitempty"`
	Language       *string   `json:"language,omitempty"`
	Owners         *[]string `json:"owners,omitempty"`
	LearnOutgoing  *string   `json:"learn_outgoing,omitempty"`
	Outgoing       *string   `json:"outgoing,omitempty"`
	SignReturns    *string   `json:"sign_returns,omitempty"` // on, off
	AddressList    *string   `json:"address_list,omitempty"` // off, groups, domain

	Quota         *int64 `json:"quota,omitempty"`          // of each mailbox that has none of its own; -1, 0: none
	QuotaMessages *int64 `json:"quota_messages,omitempty"` // of each
	Inbound       *int64 `json:"inbound,omitempty"`        // of each
	InboundBytes  *int64 `json:"inbound_bytes,omitempty"`  // of each
	Total         *int64 `json:"total,omitempty"`          // octets of all together
	TotalMessages *int64 `json:"total_messages,omitempty"`
	JunkDays      *int   `json:"junk_days,omitempty"`
	TrashDays     *int   `json:"trash_days,omitempty"`
	ArchiveDays   *int   `json:"archive_days,omitempty"` // 0: nothing more is taken
}

// DomainRemove removes one that has neither mailboxes nor aliases. Result: Nothing.
type DomainRemove struct {
	Name string `json:"name"`
}

// A DNSRecord is a line of a domain's DNS.
type DNSRecord struct {
	Name string `json:"name"` // with the dot at the end
	Type string `json:"type"` // MX, TXT, SRV, CNAME
	Data string `json:"data"`
}

// DomainRecords asks what a domain's DNS should have, so that its mail comes here and
// programs find its mailboxes. Result: []DNSRecord.
type DomainRecords struct {
	Name string `json:"name"`
}

// Op names the operation.
func (DomainRecords) Op() string { return "domain.records" }

// Op names the operation.
func (DomainAdd) Op() string { return "domain.add" }

// Op names the operation.
func (DomainList) Op() string { return "domain.list" }

// Op names the operation.
func (DomainShow) Op() string { return "domain.show" }

// Op names the operation.
func (DomainSet) Op() string { return "domain.set" }

// Op names the operation.
func (DomainRemove) Op() string { return "domain.remove" }
