package ops

import "time"

// A Sender sends without a person: a customer's server, or a device.
type Sender struct {
	Name     string    `json:"name"`               // in the form of an address; what it logs in as
	Domains  []string  `json:"domains"`            // as which it sends, its own first
	Login    bool      `json:"login"`              // whether it has a password
	Password string    `json:"password,omitempty"` // one that was made just now, and is never shown again
	Keys     []string  `json:"keys"`               // SHA-256 of its certificates' keys
	Networks []string  `json:"networks"`
	Off      bool      `json:"off"`    // it sends nothing for now
	Barred   bool      `json:"barred"` // and its domain's admins can't switch it on
	Created  time.Time `json:"created"`
	Warnings []string  `json:"warnings"`
}

// SenderAdd makes one. Result: Sender.
type SenderAdd struct {
	Name     string   `json:"name"`
	Also     []string `json:"also,omitempty"`     // further domains
	Login    bool     `json:"login,omitempty"`    // make a password
	Keys     []string `json:"keys,omitempty"`     // SHA-256 of certificates' keys
	Networks []string `json:"networks,omitempty"` // or addresses
}

// SenderList asks for the senders, by name. Result: []Sender.
type SenderList struct {
	Domain string `json:"domain,omitempty"`
	Page
}

// SenderShow asks for one. Result: Sender.
type SenderShow struct {
	Name string `json:"name"`
}

// SenderSet changes one; what it is known by takes the place of what it was known by. Result: Sender.
type SenderSet struct {
	Name     string    `json:"name"`
	Also     *[]string `json:"also,omitempty"`
	Login    *bool     `json:"login,omitempty"` // true: a new password; false: none
	Keys     *[]string `json:"keys,omitempty"`
	Networks *[]string `json:"networks,omitempty"`
	Off      *bool     `json:"off,omitempty"` // true: its domain's admins can't switch it on
}

// SenderRemove removes one. Result: Nothing.
type SenderRemove struct {
	Name string `json:"name"`
}

// Op names the operation.
func (SenderAdd) Op() string { return "sender.add" }

// Op names the operation.
func (SenderList) Op() string { return "sender.list" }

// Op names the operation.
func (SenderShow) Op() string { return "sender.show" }

// Op names the operation.
func (SenderSet) Op() string { return "sender.set" }

// Op names the operation.
func (SenderRemove) Op() string { return "sender.remove" }
