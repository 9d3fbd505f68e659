package complaint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// Config is what a Desk needs.
type Config struct {
	Rows      Rows
	Passages  Passages
	Directory Directory
	Measure   Measure
	Reporters []string              // domains of feedback loops that are believed
	Spare     func(netip.Addr) bool // networks that nothing weighs against: ours
	Listener  Listener              // nil: nobody
	Keep      time.Duration         // how long complaints are kept
	Old       func(context.Context) (now time.Time, ok bool)
	Log       *slog.Logger
	Now       func() time.Time
}

// A Listener is told what is complained of, and taken back, once that is kept. It must not
// call the desk.
type Listener interface {
	Complained(ctx context.Context, c Complaint)
	Withdrawn(ctx context.Context, c Complaint)
}

// A Desk judges complaints and keeps the Memory. There is one in a process; it is safe for
// use by many goroutines.
type Desk struct {
	c      Config
	judge  judge
	memory *Memory
}

// New returns a Desk over rows. Nothing is known before Run, or Follow.
func New(c Config) *Desk {
	j := judge{passages: c.Passages, directory: c.Directory, reporters: c.Reporters, spare: c.Spare}
	return &Desk{c: c, judge: j, memory: newMemory(c)}
}

// Memory is what filters ask.
func (d *Desk) Memory() *Memory { return d.memory }

// Measure is how this desk weighs.
func (d *Desk) Measure() Measure { return d.c.Measure }

const (
	// lookEvery is how often a desk looks for reports, and whether the rows have changed.
	lookEvery = 2 * time.Second
	// atOnce is how many reports are judged in a row.
	atOnce = 100
	// acceptedFor is how long the count of accepted messages is good where one more
	// complaint comes, and acceptedAgain where none does.
	acceptedFor   = time.Hour
	acceptedAgain = 24 * time.Hour
	// acceptedIn is over how long they are counted.
	acceptedIn = 30 * 24 * time.Hour
	// expireEvery is how often old complaints are removed.
	expireEvery = time.Hour
)

// Run judges what comes and follows the rows until ctx ends.
func (d *Desk) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	expired := time.Time{}
	for {
		d.failed(ctx, "complaints not judged", d.Judge(ctx))
		d.failed(ctx, "complaints not read", d.Follow(ctx))
		d.failed(ctx, "complaints not compared with what was accepted", d.look(ctx))
		if now := d.c.Now(); now.Sub(expired).Abs() >= expireEvery {
			expired = now
			d.failed(ctx, "complaints not expired", d.expire(ctx))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (d *Desk) failed(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		d.c.Log.Error(what, "error", err)
	}
}

// Follow reads the rows where they have changed.
func (d *Desk) Follow(ctx context.Context) error { return d.memory.follow(ctx, d.c.Rows) }

// Judge judges the reports that wait, until none does. What follows from them is in the
// Memory then.
func (d *Desk) Judge(ctx context.Context) error {
	for total := 0; ; {
		list, err := d.c.Rows.Waiting(ctx, atOnce)
		if err != nil {
			return fmt.Errorf("complaint: waiting reports: %w", err)
		}
		for _, r := range list {
			if err := d.one(ctx, r); err != nil {
				return err
			}
		}
		total += len(list)
		switch {
		case len(list) == atOnce:
		case total > 0:
			return d.Follow(ctx)
		default:
			return nil
		}
	}
}

func (d *Desk) one(ctx context.Context, r Report) error {
	j, err := d.judge.report(ctx, r)
	if err != nil {
		return err
	}
	if err := d.keep(ctx, j); err != nil {
		return err
	}
	d.c.Log.Info("report judged", "id", r.Tx, "reporter", r.Reporter, "proof", r.Proof, "form", r.Form, "messages", len(j.Complaints), "counts", counting(j.Complaints))
	return nil
}

func counting(list []Complaint) (n int) {
	for _, c := range list {
		if c.State == StateCounts {
			n++
		}
	}
	return n
}

// keep writes a judgement and looks at those who may be listed now.
func (d *Desk) keep(ctx context.Context, j Judgement) error {
	changed, err := d.c.Rows.Judge(ctx, j, d.weigher())
	if err != nil {
		return fmt.Errorf("complaint: judge %s: %w", j.Report, err)
	}
	if d.c.Listener != nil {
		for _, c := range j.Complaints {
			d.c.Listener.Complained(ctx, c)
		}
	}
	return d.weighed(ctx, changed)
}

// withdrawn tells of complaints that were taken back.
func (d *Desk) withdrawn(ctx context.Context, list []Complaint) {
	if d.c.Listener == nil {
		return
	}
	for _, c := range list {
		d.c.Listener.Withdrawn(ctx, c)
	}
}

func (d *Desk) weigher() Weigher { return Weigher{Measure: d.c.Measure, Now: d.c.Now()} }

// weighed finds out what was accepted from those whose complaints are enough otherwise:
// that costs a look through the journal.
func (d *Desk) weighed(ctx context.Context, changed []Standing) error {
	now := d.c.Now()
	for _, s := range changed {
		if !d.c.Measure.Heavy(s, now) || d.c.Measure.Share == 0 || now.Sub(s.Looked).Abs() < acceptedFor && s.Accepted >= 0 {
			continue
		}
		n, err := d.accepted(ctx, s.Subject, now)
		if err != nil {
			return fmt.Errorf("complaint: accepted of %s: %w", s.Name, err)
		}
		if err := d.c.Rows.SetAccepted(ctx, s.Subject, n, now); err != nil {
			return fmt.Errorf("complaint: accepted of %s: %w", s.Name, err)
		}
	}
	return nil
}

// look counts what was accepted of those whose complaints are enough otherwise, where
// whoever judged them did not come to it, or that is long ago.
func (d *Desk) look(ctx context.Context) error {
	list := d.memory.takeDue()
	if len(list) == 0 {
		return nil
	}
	var errs []error
	for _, s := range list { // one that fails keeps nobody else waiting
		errs = append(errs, d.weighed(ctx, []Standing{s}))
	}
	return errors.Join(append(errs, d.Follow(ctx))...)
}

// accepted counts what was delivered of a subject lately.
func (d *Desk) accepted(ctx context.Context, s Subject, now time.Time) (n int, err error) {
	counts, err := d.c.Rows.Accepted(ctx, s, now.Add(-acceptedIn), now)
	for name, count := range counts {
		if d.isOf(name, s) {
			n += count
		}
	}
	return n, err
}

// isOf reports whether a client or a reverse-path is a subject's.
func (d *Desk) isOf(name string, s Subject) bool {
	switch s.Kind {
	case OfClient:
		a, err := netip.ParseAddr(name)
		return err == nil && ClientOf(a) == s
	case OfSender:
		return string(mail.Path(name).Canonical()) == s.Name
	}
	return DomainOf(mail.Path(name)) == s
}

// A Spam is that somebody says that one message is spam.
type Spam struct {
	Message   string    // the transaction that brought it
	Recipient mail.Path // whose copy it is; null: the first recipient's
	Who       string    // said so: an owner's address, an operator's name
	Form      Form      // FormSpam or FormAdded
}

// Report keeps that a message is spam, as its recipient's complaint. It fails with
// ErrNotFound where the journal has no such message for such a recipient. The result is as
// it was judged: what was complained of before may weigh nothing.
func (d *Desk) Report(ctx context.Context, s Spam) (Complaint, error) {
	p, ok, err := d.c.Passages.Passage(ctx, s.Message)
	if err != nil {
		return Complaint{}, fmt.Errorf("complaint: spam %s: %w", s.Message, err)
	}
	i := slices.IndexFunc(p.Recipients, func(to mail.Path) bool { return s.Recipient.IsNull() || to.Fold() == s.Recipient.Fold() })
	if !ok || i < 0 {
		return Complaint{}, fmt.Errorf("complaint: spam %s for %s: %w", s.Message, s.Recipient, ErrNotFound)
	}
	to := p.Recipients[i].Fold()
	proof := "owner"
	if s.Form == FormAdded {
		proof = "operator"
	}
	return d.Add(ctx, Report{
		Reporter: to, Proof: proof, Form: s.Form, Originals: []Original{{ID: s.Message}},
	})
}

// Add judges a report that no transaction brought, and returns its first complaint.
func (d *Desk) Add(ctx context.Context, r Report) (Complaint, error) {
	now := d.c.Now()
	r.Time, r.Tx = now, mail.NewID(now)
	j, err := d.judge.report(ctx, r)
	if err != nil {
		return Complaint{}, err
	}
	j.Report = ""
	for i := range j.Complaints {
		j.Complaints[i].Report = ""
	}
	if err := d.keep(ctx, j); err != nil {
		return Complaint{}, err
	}
	if len(j.Complaints) == 0 {
		return Complaint{}, fmt.Errorf("complaint: a report of nothing: %w", ErrNotFound)
	}
	list, err := d.c.Rows.Find(ctx, Query{ID: j.Complaints[0].ID, Limit: 1})
	if err != nil || len(list) == 0 {
		return Complaint{}, fmt.Errorf("complaint: add: %w", cmp.Or(err, ErrNotFound))
	}
	return list[0], d.Follow(ctx)
}

// Withdraw takes complaints back and returns how many those are; ErrNotFound where none
// that it names counts.
func (d *Desk) Withdraw(ctx context.Context, w Withdrawal) (int, error) {
	w.When = d.c.Now()
	list, _, err := d.c.Rows.Withdraw(ctx, w, d.weigher())
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return 0, fmt.Errorf("complaint: withdraw: %w", err)
	}
	d.withdrawn(ctx, list)
	return len(list), nil
}

// NotSpam takes back what was said of one recipient's copy of a message by whoever reads
// it: it was moved out of Junk. It returns how many complaints ended, which may be 0.
func (d *Desk) NotSpam(ctx context.Context, message string, recipient mail.Path, who string) (int, error) {
	w := Withdrawal{Message: message, Person: string(recipient.Base().Fold()), Who: who, When: d.c.Now()}
	list, _, err := d.c.Rows.Withdraw(ctx, w, d.weigher())
	if err != nil {
		return 0, fmt.Errorf("complaint: not spam %s: %w", message, err)
	}
	d.withdrawn(ctx, list)
	return len(list), nil
}

// Find returns complaints, the newest first.
func (d *Desk) Find(ctx context.Context, q Query) ([]Complaint, error) {
	q.Domain, q.Limit = strings.ToLower(q.Domain), min(max(q.Limit, 1), MaxLimit)
	if !q.Sender.IsNull() {
		q.Sender = q.Sender.Canonical()
	}
	return d.c.Rows.Find(ctx, q)
}

// Standings returns those of a kind ("": all) who are complained of, the heaviest first.
func (d *Desk) Standings(ctx context.Context, kind Kind, limit int) ([]Standing, error) {
	return d.c.Rows.Standings(ctx, kind, 0, min(max(limit, 1), MaxLimit))
}

// Standing returns what complaints of one come to; ErrNotFound where nobody complained.
func (d *Desk) Standing(ctx context.Context, s Subject) (Standing, error) {
	if s.Kind == OfSender {
		s.Name = string(mail.Path(s.Name).Canonical())
	}
	return d.c.Rows.Standing(ctx, s)
}

// Totals counts complaints of the time that is kept.
func (d *Desk) Totals(ctx context.Context, by By, limit int) ([]Total, error) {
	return d.c.Rows.Totals(ctx, by, d.c.Now().Add(-d.c.Keep), min(max(limit, 1), MaxLimit))
}

// expire removes what is old, if the clock is to be believed.
func (d *Desk) expire(ctx context.Context) error {
	now, ok := d.c.Old(ctx)
	if !ok {
		return nil
	}
	return d.c.Rows.Expire(ctx, now.Add(-d.c.Keep))
}
