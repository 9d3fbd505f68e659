package ops

import "time"

// A Mailbox is an address whose mail is kept here.
type Mailbox struct {
	Address  string    `json:"address"`
	Name     string    `json:"name,omitempty"` // of the person or group, for the address list
	Language string    `json:"language"`
	State    string    `json:"state"`  // active, suspended, closed, archive
	Copies   []string  `json:"copies"` // where its mail goes, too
	Messages int64     `json:"messages"`
	Bytes    int64     `json:"bytes"`
	Created  time.Time `json:"created"`

	Disposition string     `json:"disposition"`          // of its spam, as its owner wants it; "": the domain's
	Level       int        `json:"level"`                // 1 (strict) to 7; 0: the policy's own
	Digest      bool       `json:"digest"`               // whether its owner wants digests
	Locked      bool       `json:"locked"`               // to admins of its domain
	Unlisted    bool       `json:"unlisted,omitempty"`   // it stands in no address list
	Shut        []string   `json:"shut,omitempty"`       // services that are not open to its owner: imap, pop3, sieve, submission, web
	ShutPages   []string   `json:"shut_pages,omitempty"` // pages: forwards, rules, vacation, password, anti-spam, shares
	Restorable  *time.Time `json:"restorable,omitempty"` // until when it can be opened again, where it is closed

	Warnings []string `json:"warnings,omitempty"` // what was set and comes to nothing

	Quota           int64   `json:"quota"`          // octets that it may hold; 0: no limit
	QuotaMessages   int64   `json:"quota_messages"` // messages that it may hold; 0: no limit
	Full            int     `json:"full"`           // percent of the limit that it is nearest to
	Inbound         int64   `json:"inbound"`        // messages that strangers may bring in an hour; 0: no limit
	InboundNow      float64 `json:"inbound_now"`    // that they brought in the last one, to this node
	InboundBytes    int64   `json:"inbound_bytes"`  // octets that strangers may bring in an hour; 0: no limit
	InboundBytesNow int64   `json:"inbound_bytes_now"`
	Own             Limits  `json:"own"`  // what was set for it alone
	Kept            int64   `json:"kept"` // octets of deleted mail that can be brought back
}

// Limits are what somebody set: 0 nothing, -1 that there is no limit.
type Limits struct {
	Bytes        int64 `json:"bytes"`
	Messages     int64 `json:"messages"`
	Inbound      int64 `json:"inbound"`       // messages an hour
	InboundBytes int64 `json:"inbound_bytes"` // octets an hour
}

// MailboxAdd makes a mailbox. Result: Mailbox.
type MailboxAdd struct {
	Address  string   `json:"address"`
	Password string   `json:"password"`
	Name     string   `json:"name,omitempty"`
	Language string   `json:"language,omitempty"` // "en", "fr"; "": the node's choice
	Copies   []string `json:"copies,omitempty"`
}

// MailboxList asks for the mailboxes of a domain, or all, by address.
// Result: []Mailbox.
type MailboxList struct {
	Domain string `json:"domain,omitempty"`
	Page
}

// MailboxShow asks for one. Result: Mailbox.
type MailboxShow struct {
	Address string `json:"address"`
}

// MailboxSet changes one. Result: Mailbox.
type MailboxSet struct {
	Address   string    `json:"address"`
	Password  *string   `json:"password,omitempty"`
	Name      *string   `json:"name,omitempty"`   // "": none
	Listed    *bool     `json:"listed,omitempty"` // in the address list of its domain, and of groups
	Language  *string   `json:"language,omitempty"`
	State     *string   `json:"state,omitempty"`
	Shut      *[]string `json:"shut,omitempty"`       // services, instead of those that were
	ShutPages *[]string `json:"shut_pages,omitempty"` // pages, in the same way
	Copies    *[]string `json:"copies,omitempty"`

	Disposition *string `json:"disposition,omitempty"`
	Level       *int    `json:"level,omitempty"`
	Digest      *bool   `json:"digest,omitempty"`
	Lock        *bool   `json:"lock,omitempty"`

	Quota         *int64 `json:"quota,omitempty"` // 0: as the domain says, -1: no limit
	QuotaMessages *int64 `json:"quota_messages,omitempty"`
	Inbound       *int64 `json:"inbound,omitempty"`
	InboundBytes  *int64 `json:"inbound_bytes,omitempty"`
}

// MailboxRemove removes one with all its mail. Result: Nothing.
type MailboxRemove struct {
	Address string `json:"address"`
}

// MailboxDeleted asks for mail of a mailbox that was deleted and can be brought back, the
// latest first. Result: []DeletedMail.
type MailboxDeleted struct {
	Address string    `json:"address"`
	Since   time.Time `json:"since,omitzero"` // deleted then, or later
	Page
}

// DeletedMail is a message that was deleted.
type DeletedMail struct {
	ID      string    `json:"id"`      // a number of the mailbox
	Deleted time.Time `json:"deleted"` // when
	Folder  string    `json:"folder"`  // that it was in
	Date    time.Time `json:"date"`    // when it arrived
	Size    int64     `json:"size"`
	From    string    `json:"from"`
	Subject string    `json:"subject"`
}

// MailboxRecover brings deleted mail back: what is named, or, where Since is given, all
// that was deleted since then. Result: Recovered.
type MailboxRecover struct {
	Address string    `json:"address"`
	IDs     []string  `json:"ids,omitempty"`
	Since   time.Time `json:"since,omitzero"`
}

// Recovered says what came back.
type Recovered struct {
	Messages int64    `json:"messages"`
	Folders  []string `json:"folders"`
	Full     bool     `json:"full"` // the mailbox is over its quota now
}

// MailboxReindex has the search index of a mailbox, or of all, made anew. Result: Reindexed.
type MailboxReindex struct {
	Address string `json:"address,omitempty"`
	All     bool   `json:"all,omitempty"`
}

// Reindexed says of how many mailboxes the index was dropped.
type Reindexed struct {
	Mailboxes int `json:"mailboxes"`
}

// Op names the operation.
func (MailboxReindex) Op() string { return "mailbox.reindex" }

// Op names the operation.
func (MailboxDeleted) Op() string { return "mailbox.deleted" }

// Op names the operation.
func (MailboxRecover) Op() string { return "mailbox.recover" }

// Op names the operation.
func (MailboxAdd) Op() string { return "mailbox.add" }

// Op names the operation.
func (MailboxList) Op() string { return "mailbox.list" }

// Op names the operation.
func (MailboxShow) Op() string { return "mailbox.show" }

// Op names the operation.
func (MailboxSet) Op() string { return "mailbox.set" }

// Op names the operation.
func (MailboxRemove) Op() string { return "mailbox.remove" }
