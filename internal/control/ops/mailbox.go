package ops

import "time"

// A Mailbox is an address whose mail is kept here.
type Mailbox struct {
	Address  string    `json:"address"`
	Language string    `json:"language"`
	State    string    `json:"state"` // active, suspended, closed
	Messages int64     `json:"messages"`
	Bytes    int64     `json:"bytes"`
	Created  time.Time `json:"created"`
}

// MailboxAdd makes a mailbox. Result: Mailbox.
type MailboxAdd struct {
	Address  string `json:"address"`
	Password string `json:"password"`
	Language string `json:"language,omitempty"` // "en", "fr"; "": the node's choice
}

// MailboxList asks for the mailboxes of a domain, or all. Result: []Mailbox.
type MailboxList struct {
	Domain string `json:"domain,omitempty"`
}

// MailboxShow asks for one. Result: Mailbox.
type MailboxShow struct {
	Address string `json:"address"`
}

// MailboxSet changes one. Result: Mailbox.
type MailboxSet struct {
	Address  string  `json:"address"`
	Password *string `json:"password,omitempty"`
	Language *string `json:"language,omitempty"`
	State    *string `json:"state,omitempty"`
}

// MailboxRemove removes one with all its mail. Result: Nothing.
type MailboxRemove struct {
	Address string `json:"address"`
}

// An Alias is an address whose mail goes to others; it keeps nothing.
type Alias struct {
	Address string    `json:"address"`
	Targets []string  `json:"targets"`
	Created time.Time `json:"created"`
}

// AliasAdd makes an alias. Result: Alias.
type AliasAdd struct {
	Address string   `json:"address"`
	Targets []string `json:"targets"`
}

// AliasList asks for the aliases of a domain, or all. Result: []Alias.
type AliasList struct {
	Domain string `json:"domain,omitempty"`
}

// AliasShow asks for one. Result: Alias.
type AliasShow struct {
	Address string `json:"address"`
}

// AliasSet replaces one's targets. Result: Alias.
type AliasSet struct {
	Address string   `json:"address"`
	Targets []string `json:"targets"`
}

// AliasRemove removes one. Result: Nothing.
type AliasRemove struct {
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

// Op names the operation.
func (AliasAdd) Op() string { return "alias.add" }

// Op names the operation.
func (AliasList) Op() string { return "alias.list" }

// Op names the operation.
func (AliasShow) Op() string { return "alias.show" }

// Op names the operation.
func (AliasSet) Op() string { return "alias.set" }

// Op names the operation.
func (AliasRemove) Op() string { return "alias.remove" }
