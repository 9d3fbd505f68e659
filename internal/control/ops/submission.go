package ops

import "time"

// A Login is what one log-in sent within a day, by all nodes together.
type Login struct {
	Mailbox    string    `json:"mailbox"`
	Messages   int64     `json:"messages"`
	Refused    int64     `json:"refused"`    // messages that were put off
	Recipients int64     `json:"recipients"` // different ones
	Excess     int64     `json:"excess"`     // recipients that were put off
	Wrong      int64     `json:"wrong"`      // recipients that do not exist, and reports that came back
	Networks   int64     `json:"networks"`   // from which it logged in within one hour, at most
	Signs      []string  `json:"signs"`      // that somebody else has the password
	Stopped    bool      `json:"stopped"`
	Since      time.Time `json:"since,omitzero"`
	Reason     string    `json:"reason,omitempty"`
	Who        string    `json:"who,omitempty"` // stopped it; "": the limits

	PerMinute     int `json:"per_minute"` // its limits; 0: none
	PerHour       int `json:"per_hour"`
	PerDay        int `json:"per_day"`
	RecipientsDay int `json:"recipients_per_day"`
}

// SubmissionList asks what log-ins sent within a day, those first that asked for most.
// Result: []Login.
type SubmissionList struct {
	Stopped bool `json:"stopped,omitempty"` // those alone that may send nothing
	Limit   int  `json:"limit,omitempty"`
}

// SubmissionShow asks about one. Result: Login.
type SubmissionShow struct {
	Mailbox string `json:"mailbox"`
}

// SubmissionStop has a log-in send nothing until it is resumed. Result: Login.
type SubmissionStop struct {
	Mailbox string `json:"mailbox"`
	Reason  string `json:"reason,omitempty"`
}

// SubmissionResume lets a log-in send again. Result: Login.
type SubmissionResume struct {
	Mailbox string `json:"mailbox"`
}

// SubmissionSet changes limits of a mailbox, or of each of a domain's; nil leaves one as it is,
// below 0 is the node's, 0 is none. Result: SubmissionLimits.
type SubmissionSet struct {
	Owner      string `json:"owner"`
	PerMinute  *int   `json:"per_minute,omitempty"`
	PerHour    *int   `json:"per_hour,omitempty"`
	PerDay     *int   `json:"per_day,omitempty"`
	Recipients *int   `json:"recipients,omitempty"`
}

// SubmissionLimits are the limits that a mailbox or a domain has of its own; below 0: the node's.
type SubmissionLimits struct {
	Owner      string `json:"owner"`
	PerMinute  int    `json:"per_minute"`
	PerHour    int    `json:"per_hour"`
	PerDay     int    `json:"per_day"`
	Recipients int    `json:"recipients"`
}

// Op names the operation.
func (SubmissionList) Op() string { return "submission.list" }

// Op names the operation.
func (SubmissionShow) Op() string { return "submission.show" }

// Op names the operation.
func (SubmissionStop) Op() string { return "submission.stop" }

// Op names the operation.
func (SubmissionResume) Op() string { return "submission.resume" }

// Op names the operation.
func (SubmissionSet) Op() string { return "submission.set" }
