package ops

import "time"

// A Session is that somebody is logged in to the pages with one browser.
type Session struct {
	ID     string    `json:"id"`     // the first characters of it, enough to name it
	Client string    `json:"client"` // address, "" where it is unknown
	Agent  string    `json:"agent"`  // what the browser calls itself
	Since  time.Time `json:"since"`
	Seen   time.Time `json:"seen"` // to the minute

	Support string    `json:"support,omitempty"` // of who helps the owner: "offered", a link that was not used, or "used"; "": it is the person's own
	Expires time.Time `json:"expires"`           // at the latest
}

// SessionList asks for the sessions of a person: an admin's name or a mailbox's address.
// Result: []Session.
type SessionList struct {
	Name string `json:"name"`
}

// SessionClose ends one session of a person, or all. Result: SessionsClosed.
type SessionClose struct {
	Name string `json:"name"`
	ID   string `json:"id,omitempty"` // "": all
}

// SessionsClosed tells how many sessions ended.
type SessionsClosed struct {
	Closed int `json:"closed"`
}

// AdminResetFactor takes an admin's second factor away. Result: Nothing.
type AdminResetFactor struct {
	Name string `json:"name"`
}

// MailboxResetFactor takes the second factor of a mailbox's owner away. Result: Nothing.
type MailboxResetFactor struct {
	Address string `json:"address"`
}

// Op names the operation.
func (SessionList) Op() string { return "session.list" }

// Op names the operation.
func (SessionClose) Op() string { return "session.close" }

// Op names the operation.
func (AdminResetFactor) Op() string { return "admin.reset-factor" }

// Op names the operation.
func (MailboxResetFactor) Op() string { return "mailbox.reset-factor" }
