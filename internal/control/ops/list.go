package ops

import "time"

// An Entry is one line of the allow or block lists.
type Entry struct {
	ID      int64     `json:"id"`
	List    string    `json:"list"` // allow, block
	Kind    string    `json:"kind"` // ip, address, domain, subdomain, author
	Value   string    `json:"value"`
	Scope   string    `json:"scope"` // "global", a domain, a mailbox's address
	Origin  string    `json:"origin"`
	Note    string    `json:"note"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	Hits    int64     `json:"hits"`
	LastHit time.Time `json:"last_hit,omitzero"`
}

// ListAdd makes an entry. Result: Entry.
type ListAdd struct {
	List    string        `json:"list"`
	Value   string        `json:"value"` // network, address, domain or .domain
	Author  bool          `json:"author,omitempty"`
	Scope   string        `json:"scope,omitempty"` // "": global
	Note    string        `json:"note,omitempty"`
	Expires time.Duration `json:"expires,omitempty"` // from now, in nanoseconds; 0: never
}

// ListList asks for entries; empty fields ask for all. Result: []Entry.
type ListList struct {
	List  string `json:"list,omitempty"`
	Kind  string `json:"kind,omitempty"`
	Value string `json:"value,omitempty"`
	Scope string `json:"scope,omitempty"`
	Limit int    `json:"limit,omitempty"`
	After int64  `json:"after,omitempty"` // the id of the last one of the page before
}

// ListShow asks for one. Result: Entry.
type ListShow struct {
	ID int64 `json:"id"`
}

// ListSet changes one. Result: Entry.
type ListSet struct {
	ID      int64          `json:"id"`
	Note    *string        `json:"note,omitempty"`
	Expires *time.Duration `json:"expires,omitempty"` // from now; 0: never
}

// ListRemove removes entries. Result: Nothing.
type ListRemove struct {
	IDs []int64 `json:"ids"`
}

// Op names the operation.
func (ListAdd) Op() string { return "list.add" }

// Op names the operation.
func (ListList) Op() string { return "list.list" }

// Op names the operation.
func (ListShow) Op() string { return "list.show" }

// Op names the operation.
func (ListSet) Op() string { return "list.set" }

// Op names the operation.
func (ListRemove) Op() string { return "list.remove" }
