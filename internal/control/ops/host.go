package ops

import "time"

// A Host is a mail host: a server that mail is handed to, or where mailboxes are.
type Host struct {
	Name     string    `json:"name"`
	Domain   string    `json:"domain"`   // whose own it is; "": the node's
	Address  string    `json:"address"`  // host:port
	Roles    []string  `json:"roles"`    // imap, smtp-in, smtp-out
	Protocol string    `json:"protocol"` // smtp, lmtp
	TLS      string    `json:"tls"`      // may, never, encrypt, verify
	Priority int       `json:"priority"` // the lowest is tried first
	Spam     string    `json:"spam"`     // hold, tag
	User     string    `json:"user"`     // "": no log-in
	Password bool      `json:"password"` // whether there is one; it is never shown
	Domains  int       `json:"domains"`  // how many use it
	Node     bool      `json:"node"`     // whether relay.smarthost names it
	Trouble  string    `json:"trouble"`  // why it can't be reached and since when; "": it answered, or was not asked
	Created  time.Time `json:"created"`
}

// HostAdd makes a mail host. Result: Host.
type HostAdd struct {
	Name     string   `json:"name"`
	Domain   string   `json:"domain,omitempty"` // "": the node's
	Address  string   `json:"address"`
	Roles    []string `json:"roles"`
	Protocol string   `json:"protocol,omitempty"` // "": smtp
	TLS      string   `json:"tls,omitempty"`      // "": may
	Priority int      `json:"priority,omitempty"`
	Spam     string   `json:"spam,omitempty"` // "": hold
	User     string   `json:"user,omitempty"`
	Password string   `json:"password,omitempty"`
}

// HostList asks for the mail hosts, by name. Result: []Host.
type HostList struct {
	Name    string `json:"name,omitempty"`    // a part of it
	Address string `json:"address,omitempty"` // a part of it
	Role    string `json:"role,omitempty"`
	Domain  string `json:"domain,omitempty"` // only its own
	Page
}

// HostShow asks for one. Result: Host.
type HostShow struct {
	Name string `json:"name"`
}

// HostSet changes one. Result: Host.
type HostSet struct {
	Name     string    `json:"name"`
	Domain   *string   `json:"domain,omitempty"`
	Address  *string   `json:"address,omitempty"`
	Roles    *[]string `json:"roles,omitempty"`
	Protocol *string   `json:"protocol,omitempty"`
	TLS      *string   `json:"tls,omitempty"`
	Priority *int      `json:"priority,omitempty"`
	Spam     *string   `json:"spam,omitempty"`
	User     *string   `json:"user,omitempty"` // "": no log-in, and no password
	Password *string   `json:"password,omitempty"`
}

// HostRemove removes one that nothing uses. Result: Nothing.
type HostRemove struct {
	Name string `json:"name"`
}

// Op names the operation.
func (HostAdd) Op() string { return "host.add" }

// Op names the operation.
func (HostList) Op() string { return "host.list" }

// Op names the operation.
func (HostShow) Op() string { return "host.show" }

// Op names the operation.
func (HostSet) Op() string { return "host.set" }

// Op names the operation.
func (HostRemove) Op() string { return "host.remove" }
