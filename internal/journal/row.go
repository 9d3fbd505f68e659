package journal

import (
	"strings"
	"time"
	"unicode/utf8"

	"gatepost/internal/mail"
)

// A Row is what the store keeps of a transaction so that it is found: envelope
// columns, one line for each recipient, and where the evidence is. Addresses are
// folded, texts clipped.
type Row struct {
	ID        string
	Time      time.Time
	Client    string
	Helo      string
	Login     mail.Path
	Sender    mail.Path
	Subject   string
	MessageID string
	Size      int64
	Evidence  string // the pointer, for Log.Read
	Lines     []Line // at least one; without recipients it tells of the gate
}

// A Line is what became of one recipient.
type Line struct {
	Recipient mail.Path `json:"recipient"`
	Policy    string    `json:"policy"`
	Action    string    `json:"action"` // of the decision
	Entry     string    `json:"entry"`
	Filter    string    `json:"filter"` // that decided, "" where none did
	Reason    string    `json:"reason"`
	Score     float64   `json:"score"`
	State     string    `json:"state"` // the outcome, or what came after it: "released"
}

// A Hit is one line of a row as a search finds it.
type Hit struct {
	ID        string    `json:"id"`
	Number    int       `json:"-"` // of the line in its row
	Time      time.Time `json:"time"`
	Client    string    `json:"client"`
	Helo      string    `json:"helo"`
	Login     mail.Path `json:"login"`
	Sender    mail.Path `json:"sender"`
	Subject   string    `json:"subject"`
	MessageID string    `json:"message_id"`
	Size      int64     `json:"size"`
	Evidence  string    `json:"-"`
	Line
}

// Cursor is where the page after this hit begins.
func (h Hit) Cursor() Cursor { return Cursor{h.Time, h.ID, h.Number} }

// A Cursor is a place between two hits.
type Cursor struct {
	Time   time.Time
	ID     string
	Number int
}

// MaxLimit is the longest page of a search.
const MaxLimit = 1000

// A Query says what to search for; empty fields match all. Addresses are compared
// without regard to case, the others as they are.
type Query struct {
	ID        string
	Recipient mail.Path
	Domain    string // of the recipient
	Sender    mail.Path
	NullOnly  bool // only mail with the null reverse-path
	Client    string
	Helo      string
	Login     mail.Path
	Subject   string // any part of it, whatever the case
	MessageID string
	Filter    string // that decided
	Action    string
	State     string
	From, To  time.Time // To is not included
	After     Cursor    // the last hit of the page before
	Limit     int       // 1 to MaxLimit; 100 where it is 0
}

// clean returns q in the form in which rows are kept.
func (q Query) clean() Query {
	q.Recipient, q.Sender, q.Login = q.Recipient.Fold(), q.Sender.Fold(), q.Login.Fold()
	q.Domain, q.Subject = strings.ToLower(q.Domain), strings.ToLower(q.Subject)
	if q.Limit <= 0 {
		q.Limit = 100
	}
	q.Limit = min(q.Limit, MaxLimit)
	return q
}

// Longest texts in a row, in octets; the evidence has them whole.
const (
	maxWord = 255
	maxText = 500
)

// row makes the row that points to r's evidence.
func (r *Record) row(evidence string) *Row {
	row := &Row{
		ID: r.ID, Time: r.Time.UTC().Truncate(time.Microsecond), Client: r.Client, Helo: clip(r.Helo, maxWord),
		Login: r.Login.Fold(), Sender: r.ReversePath.Fold(), Subject: clip(r.Subject, maxText),
		MessageID: clip(r.MessageID, maxWord), Size: r.Size, Evidence: evidence,
	}
	for i := range r.Walks {
		if w := &r.Walks[i]; !w.Shadow && !w.Recipient.IsNull() {
			row.Lines = append(row.Lines, r.line(w))
		}
	}
	if row.Lines == nil {
		row.Lines = []Line{r.line(r.gate())}
	}
	return row
}

// gate returns the gate's walk; an empty one where there is none.
func (r *Record) gate() *Walk {
	for i := range r.Walks {
		if w := &r.Walks[i]; !w.Shadow && w.Recipient.IsNull() {
			return w
		}
	}
	return &Walk{}
}

func (r *Record) line(w *Walk) Line {
	state := w.Outcome
	if state == "" {
		state = r.State
	}
	return Line{
		Recipient: w.Recipient.Fold(), Policy: w.Policy, Action: w.Decision.Action, Entry: w.Decision.Entry,
		Filter: w.Decision.Filter, Reason: clip(w.Decision.Reason, maxText), Score: w.Score, State: clip(state, maxWord),
	}
}

// clip returns valid UTF-8 of at most n octets.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
