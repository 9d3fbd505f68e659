package ops

import "time"

// A Held is a message held for one recipient.
type Held struct {
	ID        string    `json:"id"`
	Recipient string    `json:"recipient"`
	Sender    string    `json:"sender"` // reverse-path
	Author    string    `json:"author"` // of the From field
	Subject   string    `json:"subject"`
	Client    string    `json:"client"`
	Filter    string    `json:"filter"` // the one that decided
	Reason    string    `json:"reason"`
	Score     float64   `json:"score"`
	State     string    `json:"state"` // held, released, expired, deleted, rejected
	Size      int64     `json:"size"`
	Time      time.Time `json:"time"`
	Expires   time.Time `json:"expires"`
	Tx        string    `json:"tx"`             // the transaction in the journal
	Proof     string    `json:"proof"`          // what proves the sender's domain; "": nothing
	Guarded   bool      `json:"guarded"`        // released by operators only
	Asked     time.Time `json:"asked,omitzero"` // when its owner asked for it
	Told      string    `json:"told"`           // what its sender heard: reply, due, notice, "not: …"; "": nothing
}

// A HeldDetail is a Held with how it came to that, and where it went.
type HeldDetail struct {
	Held
	Headers  string `json:"headers"`
	Delivery string `json:"delivery"` // where it stands since its release, in a sentence; "": it was not released
	Ways     []Way  `json:"ways"`     // where it went on by the queue
	Walks    []Walk `json:"walks"`
	History  []Act  `json:"history"`
}

// A Way is where a released message stands on its way to one address.
type Way struct {
	Recipient string    `json:"recipient"`
	What      string    `json:"what"` // waiting, held; what happened last: deferred, carried, refused, delete …
	Attempts  int       `json:"attempts"`
	Next      time.Time `json:"next,omitzero"` // zero: never
	Time      time.Time `json:"time,omitzero"` // of what happened last
	Host      string    `json:"host"`
	Code      int       `json:"code"`
	Status    string    `json:"status"`
	Reply     string    `json:"reply"`
}

// An Act is something done to a held message.
type Act struct {
	Time  time.Time `json:"time"`
	State string    `json:"state"` // or asked, allowed, blocked, which leave the state
	By    string    `json:"by"`
}

// A HeldFilter says which held messages are meant; empty fields match all, and texts a
// part, whatever the case.
type HeldFilter struct {
	Recipient  string    `json:"recipient,omitempty"`
	Sender     string    `json:"sender,omitempty"`
	NullSender bool      `json:"null_sender,omitempty"` // with the null reverse-path
	Domain     string    `json:"domain,omitempty"`      // of the recipient
	Subject    string    `json:"subject,omitempty"`
	Text       string    `json:"text,omitempty"` // in subject, sender or author
	Client     string    `json:"client,omitempty"`
	Filter     string    `json:"filter,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Asked      bool      `json:"asked,omitempty"`
	Guarded    bool      `json:"guarded,omitempty"`
	Tx         string    `json:"tx,omitempty"`
	State      string    `json:"state,omitempty"` // "": held; "any": all
	Since      time.Time `json:"since,omitzero"`
	Until      time.Time `json:"until,omitzero"`
}

// QuarantineList searches, all the way back if need be. The newest come first. Result: []Held.
type QuarantineList struct {
	HeldFilter
	Page
}

// QuarantineCount counts what a search would find, up to Most. Result: HeldCount.
type QuarantineCount struct {
	HeldFilter
	Most int `json:"most"`
}

// A HeldCount is how many there are; More: or more.
type HeldCount struct {
	Count int  `json:"count"`
	More  bool `json:"more"`
}

// QuarantineShow asks for one. Result: HeldDetail.
type QuarantineShow struct {
	ID string `json:"id"`
}

// QuarantineRelease delivers held messages, each once. Result: []Held, as they are
// now; it fails for all where one does not exist.
type QuarantineRelease struct {
	IDs     []string `json:"ids"`
	Guarded bool     `json:"guarded,omitempty"` // those that are dangerous, too
}

// QuarantineDelete gives held messages up. Result: []Held.
type QuarantineDelete struct {
	IDs []string `json:"ids"`
}

// QuarantineAsk notes that their owners ask for messages. Result: []Held.
type QuarantineAsk struct {
	IDs []string `json:"ids"`
}

// A HeldChoice says what is listed with a message, and for whom.
type HeldChoice struct {
	SenderDomain bool `json:"sender_domain,omitempty"` // the sender's whole domain, not only the address
	ForDomain    bool `json:"for_domain,omitempty"`    // for all of the recipient's domain, not only the mailbox
}

// QuarantineAllow releases messages and allows their senders. Result: []Held.
type QuarantineAllow struct {
	IDs     []string `json:"ids"`
	Guarded bool     `json:"guarded,omitempty"` // as with QuarantineRelease
	HeldChoice
}

// QuarantineBlock deletes messages and blocks their senders. Result: []Held.
type QuarantineBlock struct {
	IDs []string `json:"ids"`
	HeldChoice
}

// QuarantineBulk does something to some of a selection, the newest first. Result: HeldBulk;
// where there is more, the rest is done by the same request with After set to its Next.
type QuarantineBulk struct {
	Act string `json:"act"` // release, delete, allow, block
	HeldFilter
	HeldChoice
	Limit int    `json:"limit,omitempty"` // 0: the node's choice
	After string `json:"after,omitempty"`
}

// A HeldBulk is what became of them.
type HeldBulk struct {
	Done     int           `json:"done"`
	Skipped  int           `json:"skipped"`           // somebody was first
	Guarded  int           `json:"guarded,omitempty"` // left as they are: dangerous, and not asked for as that
	Failed   int           `json:"failed"`
	Failures []HeldFailure `json:"failures"` // the first ones
	More     bool          `json:"more"`
	Next     string        `json:"next"`
}

// A HeldFailure is why nothing was done to a message.
type HeldFailure struct {
	ID    string `json:"id"`
	Error string `json:"error"`
}

// QuarantineFilters asks how right filters were with what they held since a day. Result:
// []HeldTally, by name.
type QuarantineFilters struct {
	Since time.Time `json:"since"`
}

// A HeldTally is what became of what a filter held.
type HeldTally struct {
	Filter   string `json:"filter"`
	Held     int    `json:"held"`     // whatever became of it
	Released int    `json:"released"` // by people
	Asked    int    `json:"asked"`    // that owners asked for
}

// Op names the operation.
func (QuarantineList) Op() string { return "quarantine.list" }

// Op names the operation.
func (QuarantineCount) Op() string { return "quarantine.count" }

// Op names the operation.
func (QuarantineShow) Op() string { return "quarantine.show" }

// Op names the operation.
func (QuarantineRelease) Op() string { return "quarantine.release" }

// Op names the operation.
func (QuarantineDelete) Op() string { return "quarantine.delete" }

// Op names the operation.
func (QuarantineAsk) Op() string { return "quarantine.ask" }

// Op names the operation.
func (QuarantineAllow) Op() string { return "quarantine.allow" }

// Op names the operation.
func (QuarantineBlock) Op() string { return "quarantine.block" }

// Op names the operation.
func (QuarantineBulk) Op() string { return "quarantine.bulk" }

// Op names the operation.
func (QuarantineFilters) Op() string { return "quarantine.filters" }
