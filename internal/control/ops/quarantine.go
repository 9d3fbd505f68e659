package ops

import "time"

// A Held is a message held for one recipient.
type Held struct {
	ID        string    `json:"id"`
	Recipient string    `json:"recipient"`
	Sender    string    `json:"sender"` // reverse-path
	Subject   string    `json:"subject"`
	Client    string    `json:"client"`
	Filter    string    `json:"filter"` // the one that decided
	Reason    string    `json:"reason"`
	Score     float64   `json:"score"`
	State     string    `json:"state"` // held, released, expired, deleted, rejected
	Size      int64     `json:"size"`
	Time      time.Time `json:"time"`
	Expires   time.Time `json:"expires"`
	Tx        string    `json:"tx"` // the transaction in the journal
}

// A HeldDetail is a Held with how it came to that.
type HeldDetail struct {
	Held
	Author  string `json:"author"` // of the From field
	Headers string `json:"headers"`
	Walks   []Walk `json:"walks"`
	History []Act  `json:"history"`
}

// An Act is something done to a held message.
type Act struct {
	Time  time.Time `json:"time"`
	State string    `json:"state"`
	By    string    `json:"by"`
}

// QuarantineList searches; empty fields match all, others in part where that makes
// sense. The newest come first. Result: []Held.
type QuarantineList struct {
	Recipient string    `json:"recipient,omitempty"`
	Sender    string    `json:"sender,omitempty"`
	Domain    string    `json:"domain,omitempty"` // of the recipient
	Subject   string    `json:"subject,omitempty"`
	Client    string    `json:"client,omitempty"`
	Filter    string    `json:"filter,omitempty"`
	State     string    `json:"state,omitempty"` // "": held; "any": all
	Since     time.Time `json:"since,omitzero"`
	Until     time.Time `json:"until,omitzero"`
	Page
}

// QuarantineShow asks for one. Result: HeldDetail.
type QuarantineShow struct {
	ID string `json:"id"`
}

// QuarantineRelease delivers held messages, each once. Result: []Held, as they are
// now; it fails for all where one does not exist.
type QuarantineRelease struct {
	IDs []string `json:"ids"`
}

// QuarantineDelete gives held messages up. Result: []Held.
type QuarantineDelete struct {
	IDs []string `json:"ids"`
}

// Op names the operation.
func (QuarantineList) Op() string { return "quarantine.list" }

// Op names the operation.
func (QuarantineShow) Op() string { return "quarantine.show" }

// Op names the operation.
func (QuarantineRelease) Op() string { return "quarantine.release" }

// Op names the operation.
func (QuarantineDelete) Op() string { return "quarantine.delete" }
