package ops

import "time"

// A Transfer is one recipient of a message that is carried on.
type Transfer struct {
	ID          int64     `json:"id"`
	Tx          string    `json:"tx"`     // the transaction it came by, in the journal
	Sender      string    `json:"sender"` // the reverse-path it leaves under
	Recipient   string    `json:"recipient"`
	Destination string    `json:"destination"` // "mx:DOMAIN", "domain:DOMAIN", "host:NAME", "local"
	State       string    `json:"state"`       // waiting, held
	Size        int64     `json:"size"`
	Created     time.Time `json:"created"`
	Release     time.Time `json:"release,omitzero"` // until when its sender has it wait
	Trying      bool      `json:"trying"`           // it is being tried now
	Due         time.Time `json:"due"`              // when it is tried next; while it is being tried, when that is given up
	Expires     time.Time `json:"expires"`
	Attempts    int       `json:"attempts"`
	Host        string    `json:"host"`   // of the last reply
	Code        int       `json:"code"`   // 0: the next hop said nothing
	Status      string    `json:"status"` // RFC 3463; "" where nothing was tried yet
	Reply       string    `json:"reply"`
	Command     string    `json:"command"` // that it answered
}

// A TransferDetail is a transfer with all that explains it.
type TransferDetail struct {
	Transfer
	Subject string     `json:"subject"`
	Why     string     `json:"why"`    // in a sentence
	Events  []Delivery `json:"events"` // the oldest first
}

// A Delivery is one attempt at a recipient, or one act of an admin.
type Delivery struct {
	Time      time.Time `json:"time"`
	Recipient string    `json:"recipient"`
	What      string    `json:"what"` // carried, deferred, refused; retry, hold, release, delete
	Host      string    `json:"host"`
	Code      int       `json:"code"`
	Status    string    `json:"status"`
	Reply     string    `json:"reply"`
	Command   string    `json:"command"`
}

// A QueueFilter says which transfers are meant; empty fields match all.
type QueueFilter struct {
	IDs         []int64   `json:"ids,omitempty"`
	Tx          string    `json:"tx,omitempty"`
	Sender      string    `json:"sender,omitempty"`
	NullSender  bool      `json:"null_sender,omitempty"` // the null reverse-path: reports
	Recipient   string    `json:"recipient,omitempty"`
	Domain      string    `json:"domain,omitempty"` // of the recipient
	Destination string    `json:"destination,omitempty"`
	State       string    `json:"state,omitempty"`
	Failing     bool      `json:"failing,omitempty"` // tried at least once
	Before      time.Time `json:"before,omitzero"`   // accepted before then
}

// QueueList searches the queue, in the order in which it was filled.
// Result: []Transfer.
type QueueList struct {
	QueueFilter
	Page
}

// QueueWhy asks for one. Result: TransferDetail.
type QueueWhy struct {
	ID int64 `json:"id"`
}

// QueueChange does something to transfers. A filter that says nothing is refused
// without All. Result: Changed.
type QueueChange struct {
	QueueFilter
	All bool   `json:"all,omitempty"`
	Act string `json:"act"` // retry, hold, release, delete, recall
}

// QueueFlush has a destination (a domain's name will do), or all, tried now.
// Result: Changed.
type QueueFlush struct {
	Destination string `json:"destination,omitempty"` // "": all
}

// Changed counts what was changed.
type Changed struct {
	Changed int `json:"changed"`
}

// Op names the operation.
func (QueueList) Op() string { return "queue.list" }

// Op names the operation.
func (QueueWhy) Op() string { return "queue.why" }

// Op names the operation.
func (QueueChange) Op() string { return "queue.change" }

// Op names the operation.
func (QueueFlush) Op() string { return "queue.flush" }
