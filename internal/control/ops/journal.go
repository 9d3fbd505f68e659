package ops

import "time"

// A Record is what the journal has of one recipient of a transaction.
type Record struct {
	ID        string    `json:"id"` // the transaction's: in the reply, in X-Gatepost-Id, in the log
	Recipient string    `json:"recipient"`
	Sender    string    `json:"sender"` // reverse-path
	Login     string    `json:"login"`  // whose mailbox or sender it was sent by; "": a stranger's
	Subject   string    `json:"subject"`
	Client    string    `json:"client"`
	Helo      string    `json:"helo"`
	Filter    string    `json:"filter"` // the one that decided; "" where none did
	Reason    string    `json:"reason"`
	Score     float64   `json:"score"`
	State     string    `json:"state"` // the outcome: delivered, held, refused …
	Size      int64     `json:"size"`
	Time      time.Time `json:"time"`
}

// A RecordDetail is a whole transaction.
type RecordDetail struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Client  string    `json:"client"`
	Helo    string    `json:"helo"`
	Sender  string    `json:"sender"`
	Login   string    `json:"login"` // "": a stranger
	Subject string    `json:"subject"`
	Size    int64     `json:"size"`
	Reply   string    `json:"reply"` // what the client was answered at the end
	Walks   []Walk    `json:"walks"`
	// Deliveries are the attempts to carry it on, the oldest first.
	Deliveries []Delivery `json:"deliveries"`
}

// JournalSearch searches; empty fields match all. The newest come first. The rows
// of a transaction stay together, so a page may be longer than its limit.
// Result: []Record.
type JournalSearch struct {
	ID        string    `json:"id,omitempty"`
	Recipient string    `json:"recipient,omitempty"`
	Sender    string    `json:"sender,omitempty"`
	Login     string    `json:"login,omitempty"`
	Domain    string    `json:"domain,omitempty"` // of the recipient
	Subject   string    `json:"subject,omitempty"`
	MessageID string    `json:"message_id,omitempty"`
	Client    string    `json:"client,omitempty"`
	Helo      string    `json:"helo,omitempty"`
	Filter    string    `json:"filter,omitempty"`
	State     string    `json:"state,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	Until     time.Time `json:"until,omitzero"`
	Page
}

// JournalShow asks for one transaction. Result: RecordDetail.
type JournalShow struct {
	ID string `json:"id"`
}

// CheckStore looks for damage. Result: StoreReport.
type CheckStore struct{}

// A StoreReport is what a check of the store found.
type StoreReport struct {
	Messages int64    `json:"messages"` // contents looked at
	Bytes    int64    `json:"bytes"`
	Damage   []string `json:"damage"` // each a sentence that names what is damaged
	// Unreferenced counts whole contents that are nobody's: they wait for a compaction, or
	// a crash left them. That is no damage.
	Unreferenced int64 `json:"unreferenced"`
}

// Op names the operation.
func (JournalSearch) Op() string { return "journal.search" }

// Op names the operation.
func (JournalShow) Op() string { return "journal.show" }

// Op names the operation.
func (CheckStore) Op() string { return "check.store" }
