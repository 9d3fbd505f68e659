package ops

import "time"

// A Trust is how much one sender is trusted in the mail of a mailbox, of an address without
// one, or of a domain.
type Trust struct {
	ID     string    `json:"id"`  // of the page: where the next one begins
	For    string    `json:"for"` // a mailbox's or another address, or a domain; "mailbox 12" of one that was removed
	Sender string    `json:"sender"`
	Weight float64   `json:"weight"`   // now; 0: it counts for nothing any more
	Learnt string    `json:"learnt"`   // how: outgoing, challenge, release, admin, with commas between
	Last   time.Time `json:"last"`     // when something was learnt last
	Used   time.Time `json:"last_use"` // the last mail, or lesson
}

// TrustList asks for who is trusted, in whose mail, by sender. Result: []Trust.
type TrustList struct {
	For string `json:"for,omitempty"` // what counts for this address, its domain's too; or a domain's; "": all
	Page
}

// TrustShow asks for what counts for mail from a sender. Result: []Trust, empty where
// nothing is known.
type TrustShow struct {
	For    string `json:"for"`
	Sender string `json:"sender"`
}

// TrustSet puts a weight in the place of what was known. Result: Trust.
type TrustSet struct {
	For    string  `json:"for"`
	Sender string  `json:"sender"`
	Weight float64 `json:"weight"` // 0 to 10
}

// TrustForget removes what is known of a sender, or takes back what the release of a held
// message taught. Result: Nothing.
type TrustForget struct {
	For    string `json:"for,omitempty"`
	Sender string `json:"sender,omitempty"`
	Held   string `json:"held,omitempty"` // the held message's ID
}

// Op names the operation.
func (TrustList) Op() string { return "trust.list" }

// Op names the operation.
func (TrustShow) Op() string { return "trust.show" }

// Op names the operation.
func (TrustSet) Op() string { return "trust.set" }

// Op names the operation.
func (TrustForget) Op() string { return "trust.forget" }
