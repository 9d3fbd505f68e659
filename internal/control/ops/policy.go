package ops

import "time"

// PolicyExplain asks which entries of lists, settings and filters mail to a recipient
// meets, and in which order, without a message. Nothing is asked of the DNS, and no hit
// is counted. Result: EffectivePolicy.
type PolicyExplain struct {
	Recipient string `json:"recipient"`
	From      string `json:"from,omitempty"`   // reverse-path; "": the null reverse-path
	Author    string `json:"author,omitempty"` // of the From field; "": that of From
	Client    string `json:"client,omitempty"` // IP address; "": nobody in particular
}

// An EffectivePolicy is what mail to a recipient meets.
type EffectivePolicy struct {
	Recipient   string        `json:"recipient"`
	Domain      string        `json:"domain"`
	Mailboxes   []string      `json:"mailboxes"`     // that it leads to
	Policy      string        `json:"policy"`        // "": none, as for postmaster and abuse
	Disposition string        `json:"disposition"`   // of spam, where one mailbox or the domain has it
	Level       int           `json:"level"`         // of the mailbox, 1 to 7; 0: the policy's own
	Required    float64       `json:"required"`      // score from which a message is spam; 0: none is
	RejectAt    float64       `json:"reject_at"`     // score from which it is refused; 0: none is
	Precedence  string        `json:"precedence"`    // of entries of lists, in words
	Ban         *ClientBan    `json:"ban,omitempty"` // of the client; null: there is none
	Listed      []ListedEntry `json:"listed"`        // in the order in which they count, by question
	Filters     []PolicyEntry `json:"filters"`       // in the order in which they are asked
}

// A ClientBan is the ban that names a client now.
type ClientBan struct {
	Network string    `json:"network"`
	Cause   string    `json:"cause"`
	Until   time.Time `json:"until"`
	Void    string    `json:"void"` // why it keeps the client from nothing; "": it counts
}

// A ListedEntry is an entry that matches.
type ListedEntry struct {
	Of      string    `json:"of"` // client, sender, author, trap, fraud
	ID      int64     `json:"id"`
	List    string    `json:"list"`
	Value   string    `json:"value"`
	Scope   string    `json:"scope"`
	Expires time.Time `json:"expires,omitzero"`
	Counts  bool      `json:"counts"` // else the first of its question outranks it
}

// A PolicyEntry is an entry of the gate or of the policy.
type PolicyEntry struct {
	Gate    bool     `json:"gate"`
	Entry   string   `json:"entry"`
	Filter  string   `json:"filter"`
	Stage   string   `json:"stage"`            // the first at which it can be asked
	Effects []string `json:"effects"`          // "listed: spam", those that do something
	Always  bool     `json:"always"`           // runs after an ending, too
	Shadow  bool     `json:"shadow"`           // nothing follows from it
	Unless  string   `json:"unless,omitempty"` // the entry above that may spare a message it
	Listed  int64    `json:"listed"`           // the entry of a list that it finds; 0: none
	Says    string   `json:"says"`             // what follows from that, in words
}

// Op names the operation.
func (PolicyExplain) Op() string { return "policy.explain" }
