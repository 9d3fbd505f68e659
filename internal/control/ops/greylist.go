package ops

import "time"

// A Triplet is one domain or network, sender and recipient that greylisting remembers. It has
// no addresses: the journal has them, under Tx.
type Triplet struct {
	ID       string    `json:"id"` // its place in the list
	Identity string    `json:"identity"`
	Domain   string    `json:"domain"` // of the sender
	As       string    `json:"as"`     // what was asked for is in it: sender, recipient; "": it was not asked for by address
	State    string    `json:"state"`  // waiting, passed
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Tries    int64     `json:"tries"`
	Tx       string    `json:"tx"` // the transaction of the first attempt
	Expires  time.Time `json:"expires"`
}

// An Identity is a domain or network of which mail has passed.
type Identity struct {
	Name    string    `json:"name"`
	Passes  int64     `json:"passes"` // triplets that passed
	ByHand  bool      `json:"by_hand"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Expires time.Time `json:"expires"`
}

// GreylistList asks for triplets, in the order in which they expire. Result: []Triplet.
type GreylistList struct {
	Passed bool `json:"passed,omitempty"` // those that passed, not those that wait
	Page
}

// GreylistIdentities asks for domains and networks, by name. Result: []Identity.
type GreylistIdentities struct{ Page }

// GreylistShow asks what is known of an address (as sender, as recipient), of a domain, or
// of a client's address or network. Result: GreylistKnown.
type GreylistShow struct {
	Value string `json:"value"`
}

// GreylistKnown is what is known. Triplets are at most 1000.
type GreylistKnown struct {
	Identity *Identity `json:"identity,omitempty"`
	Triplets []Triplet `json:"triplets"`
}

// GreylistPass lets a domain or network pass from now on. Result: Identity.
type GreylistPass struct {
	Value string `json:"value"`
}

// GreylistForget removes what GreylistShow shows. Result: GreylistForgotten.
type GreylistForget struct {
	Value string `json:"value"`
}

// GreylistForgotten tells how much was removed.
type GreylistForgotten struct {
	Triplets int `json:"triplets"`
}

// GreylistStats asks how late mail was by sender's domain. Result: []Delay, those first
// that were deferred most.
type GreylistStats struct {
	Domain string    `json:"domain,omitempty"`
	Since  time.Time `json:"since,omitzero"` // to the day; zero: all that is kept
	Limit  int       `json:"limit,omitempty"`
}

// A Delay is how late mail of a domain was.
type Delay struct {
	Domain   string  `json:"domain"` // "other": all that send little; "<>": delivery reports
	Deferred int64   `json:"deferred"`
	Returned int64   `json:"returned"` // came again and passed
	Lost     int64   `json:"lost"`     // never came again
	Waiting  int64   `json:"waiting"`
	P50      float64 `json:"p50_seconds"` // half of what came again was late by this much at most; 0: nothing came again
	P95      float64 `json:"p95_seconds"`
	Over     bool    `json:"over"` // P95 is more than that
}

// Op names the operation.
func (GreylistList) Op() string { return "greylist.list" }

// Op names the operation.
func (GreylistIdentities) Op() string { return "greylist.identities" }

// Op names the operation.
func (GreylistShow) Op() string { return "greylist.show" }

// Op names the operation.
func (GreylistPass) Op() string { return "greylist.pass" }

// Op names the operation.
func (GreylistForget) Op() string { return "greylist.forget" }

// Op names the operation.
func (GreylistStats) Op() string { return "greylist.stats" }
