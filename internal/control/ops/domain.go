package ops

import "time"

// A Domain is one whose mail this node takes.
type Domain struct {
	Name        string    `json:"name"`
	Policy      string    `json:"policy"`      // "": the node's default
	Disposition string    `json:"disposition"` // quarantine, junk, tag
	Mailboxes   int       `json:"mailboxes"`
	Aliases     int       `json:"aliases"`
	Created     time.Time `json:"created"`
}

// DomainAdd makes a domain. Result: Domain.
type DomainAdd struct {
	Name        string `json:"name"`
	Policy      string `json:"policy,omitempty"`
	Disposition string `json:"disposition,omitempty"` // "": quarantine
}

// DomainList asks for all domains. Result: []Domain.
type DomainList struct{}

// DomainShow asks for one. Result: Domain.
type DomainShow struct {
	Name string `json:"name"`
}

// DomainSet changes one. Result: Domain.
type DomainSet struct {
	Name        string  `json:"name"`
	Policy      *string `json:"policy,omitempty"`
	Disposition *string `json:"disposition,omitempty"`
}

// DomainRemove removes one that has neither mailboxes nor aliases. Result: Nothing.
type DomainRemove struct {
	Name string `json:"name"`
}

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
