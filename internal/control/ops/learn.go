package ops

import "time"

// LearnAdd teaches messages as spam, or as ham. Result: LearnDone.
type LearnAdd struct {
	Spam     bool           `json:"spam"`
	Domain   string         `json:"domain,omitempty"` // whose mail it is; "": nobody's in particular
	Force    bool           `json:"force,omitempty"`  // Bayes learns it though its guard would not
	Messages []LearnMessage `json:"messages"`
}

// A LearnMessage is one message with its content.
type LearnMessage struct {
	Name    string `json:"name"` // where it comes from, for people
	Content []byte `json:"content"`
	Says    string `json:"says,omitempty"` // spam or ham; "": what LearnAdd says of all
}

// LearnDone is what became of messages.
type LearnDone struct {
	Learnt int      `json:"learnt"` // those that were known count, too: they change nothing
	Known  int      `json:"known"`
	Failed int      `json:"failed"`
	Faults []string `json:"faults"` // the first few: name and reason
}

// LearnStats asks how much was learnt. Result: []LearnCount.
type LearnStats struct{}

// A LearnCount is how many lessons of one source stand.
type LearnCount struct {
	Source string    `json:"source"` // trap, virus, report, junk, release, challenge, allow, inbox, command, operator
	Spam   bool      `json:"spam"`
	Count  int       `json:"count"`
	Enough bool      `json:"enough,omitempty"` // of Bayes: it knew these well enough, and learnt nothing of them
	Last   time.Time `json:"last"`
}

// LearnList asks for lessons, the newest first. Result: []Lesson.
type LearnList struct {
	Message string `json:"message,omitempty"` // of this transaction; "": all
	Source  string `json:"source,omitempty"`
	Page
}

// A Lesson is that somebody says of a message that it is spam, or is not.
type Lesson struct {
	ID      string    `json:"id"`
	Message string    `json:"message"` // the transaction that brought it
	Spam    bool      `json:"spam"`
	Source  string    `json:"source"`
	Person  string    `json:"person"` // who says so
	Time    time.Time `json:"time"`
	Prints  []string  `json:"prints"` // what it taught: "checksum 0a1b…"
}

// LearnForget takes lessons back: one by its ID, all about a message, or what LearnAdd said of messages. Result: []Lesson.
type LearnForget struct {
	ID       string         `json:"id,omitempty"`
	Message  string         `json:"message,omitempty"`
	Messages []LearnMessage `json:"messages,omitempty"`
}

// Op implements control.Request.
func (LearnAdd) Op() string { return "learn.add" }

// Op implements control.Request.
func (LearnStats) Op() string { return "learn.stats" }

// Op implements control.Request.
func (LearnList) Op() string { return "learn.list" }

// Op implements control.Request.
func (LearnForget) Op() string { return "learn.forget" }
