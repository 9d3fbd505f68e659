package journal

import (
	"time"

	"gatepost/internal/mail"
)

// A Record is the evidence of one transaction.
type Record struct {
	ID          string    `json:"id"`
	Time        time.Time `json:"time"`   // when it began; microseconds, UTC
	Client      string    `json:"client"` // IP address
	Helo        string    `json:"helo"`
	TLS         string    `json:"tls"`   // as in mail.Client
	Login       mail.Path `json:"login"` // null for strangers
	ReversePath mail.Path `json:"sender"`
	Subject     string    `json:"subject"` // decoded
	MessageID   string    `json:"message_id"`
	Size        int64     `json:"size"`    // octets as received; 0 without content
	Reply       string    `json:"reply"`   // the last answer, in words
	State       string    `json:"state"`   // of the transaction as a whole: "aborted: …"
	Skipped     uint64    `json:"skipped"` // refused transactions before this one that a flood kept out
	Walks       []Walk    `json:"walks"`   // the gate's, then the recipients'
}

// A Walk is one recipient's way down a policy. The gate's has no recipient.
type Walk struct {
	Recipient mail.Path `json:"recipient"`
	Policy    string    `json:"policy"`
	Shadow    bool      `json:"shadow"` // a second policy, of which nothing followed
	Steps     []Step    `json:"steps"`
	Score     float64   `json:"score"`
	Required  float64   `json:"required"` // at or above it is spam; 0 is off
	Decision  Decision  `json:"decision"`
	Outcome   string    `json:"outcome"` // a mail.Outcome's name, "" for the gate's
	State     string    `json:"state"`   // where it went: "in Junk", "in quarantine until …"; may be ""
}

// A Decision is how a walk ended.
type Decision struct {
	Action string `json:"action"` // "accept", "spam" …; "none" where nothing spoke against it
	Entry  string `json:"entry"`  // the deciding entry; "score" where the sum decided
	Filter string `json:"filter"`
	Result string `json:"result"`
	Reason string `json:"reason"`
}

// A Step is one entry of the policy as the walk judged it.
type Step struct {
	Entry    string  `json:"entry"`
	Filter   string  `json:"filter"`
	Result   string  `json:"result"`
	Score    float64 `json:"score"`  // the filter's own grade
	Points   float64 `json:"points"` // what it added to the walk's score
	Reason   string  `json:"reason"`
	Evidence []KV    `json:"evidence"`
	Effect   string  `json:"effect"` // as in a policy: "score 2", "spam"
	Micros   int64   `json:"micros"`
	Shadow   bool    `json:"shadow"` // nothing followed
}

// A KV is one piece of evidence. A key may come several times.
type KV struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}
