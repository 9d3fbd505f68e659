package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/internal/web/safe"
)

// Queue is what waits to be carried on.
type Queue interface {
	// Look looks for transfers as queue.Clerk has it: next is behind which ID to look on, 0: there are no others.
	Look(ctx context.Context, q queue.Query) (list []QueueLine, next int64, err error)
	// Count counts what a query finds, most at most; more where there are, or may be, others.
	Count(ctx context.Context, q queue.Query, most int) (n int, more bool, err error)
	// Report is one transfer. It fails with ErrNoTransfer.
	Report(ctx context.Context, id int64) (QueueReport, error)
	// Change does an act to those of the IDs that the query finds, too, and returns to how many.
	Change(ctx context.Context, q queue.Query, ids []int64, act queue.Act, who string) (int, error)
	// ChangeAll does an act to all that a query finds until ctx ends; next is behind which ID to go on, 0: it is done.
	ChangeAll(ctx context.Context, q queue.Query, act queue.Act, who string) (changed int, next int64, err error)
	// Backlogs are the destinations with the most that waits, MaxBacklogs and one at most, as they were counted at a time.
	Backlogs(ctx context.Context) (list []Backlog, at time.Time, err error)
}

// ErrNoTransfer: it is not in the queue, or not any more.
var ErrNoTransfer = errors.New("no such transfer")

// MaxBacklogs is how many destinations are shown.
const MaxBacklogs = 100

// A QueueLine is a transfer, and what it waits for.
type QueueLine struct {
	*queue.Transfer
	Why   queue.Why
	Until time.Time // zero: nobody knows
}

// A QueueReport is a transfer with all that explains it.
type QueueReport struct {
	QueueLine
	Subject string
	Tries   []MessageTry // the oldest first
}

// A Backlog is what waits for a destination.
type Backlog struct {
	queue.Backlog
	Rests time.Time // until when it is left alone; zero: it is not
}

func (s *Server) queueRoutes() []route {
	return []route{
		{pattern: "GET /queue", action: access.QueueView, handle: s.queue},
		{pattern: "POST /queue", action: access.QueueChange, handle: s.actOnQueue},
		{pattern: "GET /queue/destinations", action: access.QueueAll, handle: s.backlogs},
		{pattern: "GET /queue/{id}", action: access.QueueView, handle: s.transfer},
	}
}

// queuePage is how many transfers are shown at once.
const queuePage = 50

// A queueSearch is what somebody looks for in the queue, as the form has it.
type queueSearch struct {
	Number, Sender, Recipient, Domain, Destination, State, Home string

	Wrong map[string]string // by field: the key of why it can't be looked for
	after int64
}

// triedState is the state, on the page, of what was tried and waits.
const triedState = "failing"

func readQueueSearch(form url.Values) queueSearch {
	field := func(name string) string { return strings.TrimSpace(cutTo(form.Get(name), maxField)) }
	f := queueSearch{
		Number: field("number"), Sender: field("sender"), Recipient: field("recipient"), Domain: field("domain"), Destination: field("destination"),
		State: field("state"), Home: field("home"), Wrong: map[string]string{},
	}
	if !slices.Contains(f.States(), f.State) {
		f.State = ""
	}
	f.after, _ = strconv.ParseInt(form.Get("after"), 10, 64) // what is no number is the beginning
	f.after = max(f.after, 0)
	return f
}

// States are those that can be looked for.
func (queueSearch) States() []string {
	return []string{"", string(queue.Waiting), triedState, string(queue.Held)}
}

func (f queueSearch) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{
		"number": f.Number, "sender": f.Sender, "recipient": f.Recipient, "domain": f.Domain, "destination": f.Destination, "state": f.State, "home": f.Home,
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// Any reports whether anything narrows the search.
func (f queueSearch) Any() bool { return len(f.values()) > 0 }

// Details reports whether more is looked for than recipient and state.
func (f queueSearch) Details() bool {
	return f.Number+f.Domain+f.Destination+f.Home != ""
}

// Fields are those that are set, sorted by name, as a form sends them on unseen.
func (f queueSearch) Fields() []formField { return formFields(f.values()) }

// Here is behind which transfer the page begins; 0: at the beginning.
func (f queueSearch) Here() int64 { return f.after }

func (f queueSearch) path(after int64) string {
	v := f.values()
	if after > 0 {
		v.Set("after", strconv.FormatInt(after, 10))
	}
	if len(v) == 0 {
		return "/queue"
	}
	return "/queue?" + v.Encode()
}

// query is what is asked of the queue; a field that can't be read is noted in Wrong.
func (f *queueSearch) query() queue.Query {
	q := queue.Query{After: f.after}
	if id, err := strconv.ParseInt(f.Number, 10, 64); err == nil && id > 0 {
		q.ID = id
	} else {
		q.Message = f.Number
	}
	if q.NullOnly = f.Sender == "<>"; !q.NullOnly {
		q.Sender = f.address("sender", f.Sender)
	}
	q.Recipient = f.address("recipient", f.Recipient)
	q.Domain = f.domain("domain", f.Domain)
	if kind, name, ok := strings.Cut(f.Destination, ":"); ok {
		q.Destination = queue.Destination(strings.ToLower(kind) + ":" + f.domain("destination", name))
	} else {
		q.Destination = queue.Destination(strings.ToLower(f.Destination))
	}
	switch q.Failing = f.State == triedState; {
	case q.Failing:
		q.State = queue.Waiting
	default:
		q.State = queue.State(f.State)
	}
	return q
}

func (f *queueSearch) address(field, text string) mail.Path {
	p, err := mail.ParsePath(text)
	if text != "" && err != nil {
		f.Wrong[field] = "held.wrong.address"
	}
	return p
}

func (f *queueSearch) domain(field, text string) string {
	name, err := mail.ParseDomain(text)
	if text != "" && err != nil {
		f.Wrong[field] = "held.wrong.domain"
	}
	return name
}

// queueQuery narrows a search to the mail of the person's domains. It is false where nothing can be found.
func (s *Server) queueQuery(r *http.Request, f *queueSearch) (q queue.Query, ok bool, err error) {
	q = f.query()
	p := visitOf(r).Person
	switch {
	case f.Home != "":
		name := f.domain("home", f.Home)
		if len(f.Wrong) == 0 && s.allow(r, access.Object{Domain: name}) != nil {
			return q, false, errNotFound
		}
		q.Homes = []string{name}
	case p.Role != access.Operator:
		q.Homes = p.Domains
		if len(q.Homes) > queue.MaxHomes {
			f.Wrong["home"] = "queue.wrong.many"
		}
		if len(q.Homes) == 0 {
			return q, false, nil
		}
	}
	q.Only = s.unlocked(r)
	return q, len(f.Wrong) == 0, nil
}

// unlocked is what of the queue is not mail of locked mailboxes: nil, which is all of it, where the person sees those, and
// where there are none: one of another domain may have sent under an address of the person's.
func (s *Server) unlocked(r *http.Request) func(*queue.Transfer) bool {
	locks := s.locks()
	if !visitOf(r).Person.Delegated() || !locks.SomeLocked() {
		return nil
	}
	return func(t *queue.Transfer) bool { return s.may(r, access.QueueView, queueObject(locks, t)) }
}

// queueObject is a transfer as package access sees it: a locked mailbox's where it sends it, or had it sent on, or is to get it. What
// the node says by itself, and does not say for whom, may be about such mail.
func queueObject(locks Locks, t *queue.Transfer) access.Object {
	o := access.Object{Domain: t.Home, Locked: t.Message.By > 0 && locks.Locked(t.Message.By)}
	if o.Locked || !locks.Locks(t.Home) {
		return o
	}
	sender := t.Message.Sender.Unsigned()
	o.Locked = sender.IsNull() && len(t.For) == 0 || locks.Closed(sender) || locks.Closed(t.Recipient) || slices.ContainsFunc(t.For, locks.Closed)
	return o
}

// A queueList is what is found in the queue.
type queueList struct {
	Search      queueSearch
	Rows        []queueRow
	Next, First string
	Domains     []string // the person's; none: all
	All         bool     // the person sees everybody's
	May         bool     // change something
}

// A queueRow is a transfer as it is shown.
type queueRow struct {
	QueueLine
	From, To, At, Host, Said string
}

// Path is that of its page.
func (r queueRow) Path() string { return "/queue/" + strconv.FormatInt(r.ID, 10) }

func shownTransfer(l QueueLine) queueRow {
	row := queueRow{QueueLine: l, From: safe.Line(ownAddress(l.Message.Sender)), To: safe.Line(ownAddress(l.Recipient)), At: string(l.Destination)}
	row.Host = safe.Line(l.Last.Host)
	row.Said = safe.Line(spoken(l.Last))
	return row
}

// spoken is what a next hop said, on one line.
func spoken(r queue.Reply) string {
	text := strings.Join(strings.Fields(r.Text), " ")
	if r.Code == 0 {
		return text
	}
	return strings.TrimSpace(strconv.Itoa(r.Code) + " " + r.Enhanced + " " + text)
}

// queue lists what waits, the oldest first.
func (s *Server) queue(w http.ResponseWriter, r *http.Request) error {
	f, p := readQueueSearch(r.URL.Query()), visitOf(r).Person
	q, ok, err := s.queueQuery(r, &f)
	if err != nil {
		return err
	}
	page := queueList{Search: f, All: p.Role == access.Operator, Domains: p.Domains, May: access.MayAny(p, access.QueueChange)}
	if f.after > 0 {
		page.First = f.path(0)
	}
	if ok {
		q.Limit = queuePage + 1
		list, next, err := s.Queue.Look(r.Context(), q)
		if err != nil {
			return err
		}
		if len(list) > queuePage {
			list, next = list[:queuePage], list[queuePage-1].ID
		}
		if next > 0 {
			page.Next = f.path(next)
		}
		for _, l := range list {
			page.Rows = append(page.Rows, shownTransfer(l))
		}
	}
	return s.page(w, r, http.StatusOK, "queue", page)
}

// A transferPage is one transfer.
type transferPage struct {
	queueRow
	Subject string
	Tries   []MessageTry
	Acts    []queue.Act // that make sense
}

// Known reports whether there is a word for what happened at a try.
func (transferPage) Known(what string) bool { return knownTry(what) }

// transfer shows one, with what was tried.
func (s *Server) transfer(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return errNotFound
	}
	report, err := s.Queue.Report(r.Context(), id)
	if errors.Is(err, ErrNoTransfer) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	of := queueObject(s.locks(), report.Transfer)
	if err := s.allow(r, of); err != nil {
		return err
	}
	page := transferPage{queueRow: shownTransfer(report.QueueLine), Subject: safe.Line(report.Subject), Tries: report.Tries}
	for n := range page.Tries {
		page.Tries[n].Host, page.Tries[n].Reply = safe.Line(page.Tries[n].Host), safe.Line(page.Tries[n].Reply)
	}
	if s.may(r, access.QueueChange, of) {
		page.Acts = actsOn(report.QueueLine)
	}
	return s.page(w, r, http.StatusOK, "transfer", page)
}

// actsOn are the acts that change something.
func actsOn(l QueueLine) []queue.Act {
	switch {
	case l.State == queue.Held:
		return []queue.Act{queue.Release, queue.Delete}
	case l.Why == queue.ForSender:
		return []queue.Act{queue.Hold, queue.Recall}
	}
	return []queue.Act{queue.Retry, queue.Hold, queue.Delete}
}

// A backlogsPage is what waits for which destination.
type backlogsPage struct {
	Rows []backlogRow
	More bool // there are others
	At   time.Time
}

// A backlogRow is a destination as it is shown.
type backlogRow struct {
	Backlog
	Host, Said string // of the oldest
}

// Path leads to what waits there.
func (b backlogRow) Path() string { return queueSearch{Destination: string(b.Destination)}.path(0) }

// Since is when the oldest came; zero: it has gone meanwhile.
func (b backlogRow) Since() (at time.Time) {
	if b.Oldest != nil {
		at = b.Oldest.Message.Created
	}
	return at
}

// backlogs shows the destinations for which the most waits.
func (s *Server) backlogs(w http.ResponseWriter, r *http.Request) error {
	if err := s.allow(r, access.Object{}); err != nil {
		return err
	}
	list, at, err := s.Queue.Backlogs(r.Context())
	if err != nil {
		return err
	}
	page := backlogsPage{At: at, More: len(list) > MaxBacklogs}
	for _, b := range list[:min(len(list), MaxBacklogs)] {
		row := backlogRow{Backlog: b}
		if b.Oldest != nil {
			row.Host, row.Said = safe.Line(b.Oldest.Last.Host), safe.Line(spoken(b.Oldest.Last))
		}
		page.Rows = append(page.Rows, row)
	}
	return s.page(w, r, http.StatusOK, "destinations", page)
}
