package ops

import "time"

// A Mailbox is an address whose mail is kept here.
type Mailbox struct {
	Address  string    `json:"address"`
	Language string    `json:"language"`
	State    string    `json:"state"`  // active, suspended, closed
	Copies   []string  `json:"copies"` // where its mail goes, too
	Messages int64     `json:"messages"`
	Bytes    int64     `json:"bytes"`
	Created  time.Time `json:"created"`

	Disposition string   `json:"disposition"`        // of its spam, as its owner wants it; "": the domain's
	Level       int      `json:"level"`              // 1 (strict) to 7; 0: the policy's own
	Digest      bool     `json:"digest"`             // whether its owner wants digests
	Warnings    []string `json:"warnings,omitempty"` // what was set and comes to nothing
}

// MailboxAdd makes a mailbox. Result: Mailbox.
type MailboxAdd struct {
	Address  string   `json:"address"`
	Password string   `json:"password"`
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
	Address  string    `json:"address"`
	Password *string   `json:"password,omitempty"`
	Language *string   `json:"language,omitempty"`
	State    *string   `json:"state,omitempty"`
	Copies   *[]string `json:"copies,omitempty"`

	Disposition *string `json:"disposition,omitempty"`
	Level       *int    `json:"level,omitempty"`
	Digest      *bool   `json:"digest,omitempty"`
}

// MailboxRemove removes one with all its mail. Result: Nothing.
type MailboxRemove struct {
	Address string `json:"address"`
}

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
