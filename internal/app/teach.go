package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"gatepost/filters"
	"gatepost/internal/attachment"
	"gatepost/internal/blob"
	"gatepost/internal/bulk"
	"gatepost/internal/complaint"
	"gatepost/internal/config"
	"gatepost/internal/journal"
	"gatepost/internal/learnt"
	"gatepost/internal/mail"
	"gatepost/internal/picture"
	"gatepost/pipeline"
	"gatepost/quarantine"
	"gatepost/rules"
)

// A lesson is that somebody says of a message that it is spam, or that it is not.
type lesson struct {
	Message *mail.Message
	ID      string // the transaction that brought it, or another name that is its own
	Spam    bool
	Source  learnt.Source
	Person  string     // who says so, as one and the same is counted
	Domain  string     // whose mail it is, in lower case; "": nobody's in particular
	Client  netip.Addr // who sent it; the zero Addr where nobody knows
	Now     bool       // it is to count when teach returns, not only soon
	Force   bool       // whatever guards say

	// Infected reports, of a virus, whether an engine finds one in a file alone; nil: nobody can tell.
	Infected func(ctx context.Context, file *mail.Message) bool
}

// A teacher makes something of what is said of messages. Nothing that a filter says of its own
// accord is a lesson.
type teacher interface {
	// teach learns from a lesson. One and the same, given again, changes nothing; the opposite by the same
	// person takes its place.
	teach(ctx context.Context, l lesson) error
	// forget takes back what a person said of a message, if he did.
	forget(ctx context.Context, message, person, who string) error
}

// teachers are all who learn.
func (a *App) teachers() []teacher {
	return []teacher{printTeacher{a.learnt, a.pictures}, bayesTeacher{a.bayes, a.learnt.Memory()}, a.sampleTeacher()}
}

// teachTime bounds what is made of one lesson.
const teachTime = 20 * time.Second

// teach has everybody learn from a lesson. What does not learn is told to the log: nothing else waits for it.
func (a *App) teach(ctx context.Context, l lesson) error {
	ctx, cancel := context.WithTimeout(ctx, teachTime)
	defer cancel()
	var errs []error
	for _, t := range a.teachers() {
		errs = append(errs, t.teach(ctx, l))
	}
	if err := errors.Join(errs...); err != nil {
		a.log.Error("not learnt", "id", l.ID, "source", string(l.Source), "person", l.Person, "error", err)
		return err
	}
	return nil
}

// unteach has everybody forget what a person said of a message.
func (a *App) unteach(ctx context.Context, message, person, who string) {
	for _, t := range a.teachers() {
		if err := t.forget(ctx, message, person, who); err != nil {
			a.log.Error("not forgotten", "id", message, "person", person, "error", err)
		}
	}
}

// A printTeacher learns by what marks a message is known again.
type printTeacher struct {
	desk     *learnt.Desk
	pictures *picture.Reader
}

func (t printTeacher) teach(ctx context.Context, l lesson) error {
	taught, err := t.lesson(ctx, l)
	if err != nil {
		return err
	}
	if !l.Now {
		t.desk.Teach(taught)
		return nil
	}
	_, err = t.desk.TeachNow(ctx, taught)
	return err
}

// lesson is what one says to the desk.
func (t printTeacher) lesson(ctx context.Context, l lesson) (learnt.Lesson, error) {
	prints, err := t.prints(ctx, l)
	if err != nil {
		return learnt.Lesson{}, fmt.Errorf("app: prints of %s: %w", l.ID, err)
	}
	for i := range prints { // of copies that differ a little one stands for all
		prints[i] = t.desk.Memory().Anchor(prints[i])
	}
	return learnt.Lesson{Message: l.ID, Spam: l.Spam, Source: l.Source, Person: l.Person, Prints: prints}, nil
}

// askTime bounds what engines take to say which files a virus is in.
const askTime = 10 * time.Second

// prints are the marks that a lesson is about. A virus travels in the words of others, and beside
// their files: it teaches the files in which the engines find it when they are asked about each alone, and nothing else. A sender who solved a task
// speaks for his message, which is delivered, and (by package trust and the lists) for himself
// to its recipient: not for what is like it, else a task a campaign would be all that spam costs.
func (t printTeacher) prints(ctx context.Context, l lesson) (list []learnt.Print, err error) {
	if l.Source == learnt.Challenge {
		return nil, nil
	}
	if l.Source == learnt.Virus {
		if l.Infected == nil {
			return nil, nil
		}
		ctx, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		return printsOf(attachment.Carriers(ctx, l.Message, l.Infected)), l.Message.Err()
	}
	list = printsOf(attachment.Sums(l.Message))
	list = append(list, filters.TextPrints(l.Message, l.Client)...)
	hashes, err := t.pictures.Hashes(ctx, l.Message)
	for _, h := range hashes {
		list = append(list, learnt.PictureOf(h))
	}
	return list, errors.Join(err, l.Message.Err())
}

func printsOf(sums []attachment.Sum) (list []learnt.Print) {
	for _, sum := range sums {
		list = append(list, learnt.Print{Kind: learnt.Attachment, Sum: sum[:]})
	}
	return list
}

func (t printTeacher) forget(ctx context.Context, message, person, who string) error {
	_, err := t.desk.Forget(ctx, learnt.Forgetting{Message: message, Person: person, Who: who})
	if errors.Is(err, learnt.ErrNone) {
		return nil
	}
	return err
}

// What is taught in a day, at most: by one person (of traps, by one client network), and by
// all of one source.
const (
	capPerson = 100
	capSource = 5000
)

// openTeaching makes what knows mail again: what was learnt, and what comes to many.
func (a *App) openTeaching(ctx context.Context, _ *config.Config) error {
	now := func() time.Time { return a.now() }
	a.pictures = picture.NewReader(runtime.NumCPU())
	a.learnt = learnt.New(learnt.Config{
		Rows: a.store.Learnt(), Caps: learnt.Caps{Person: capPerson, Source: capSource}, Old: a.clock.Now, Log: a.log, Now: now,
	})
	a.bulk = bulk.New(bulk.Config{Rows: a.store.Bulk(), Log: a.log, Now: now, Old: a.clock.Now})
	a.metrics.Gauge("learnt_prints", "Checksums, sketches and hashes that count as spam's.", func() float64 { return float64(a.learnt.Memory().Len()) })
	a.metrics.Gauge("bulk_fingerprints", "Texts of messages that are remembered, to see which of them come to many.", func() float64 { return float64(a.bulk.Len()) })
	return errors.Join(a.learnt.Follow(ctx), a.bulk.Follow(ctx), a.documents.Follow(ctx, a.store.Fingerprints()))
}

// judged teaches what judged messages are beyond doubt: what came for a trap is spam, and
// what an engine knows is in it.
type judged struct{ app *App }

// Judged implements intake.Learner. A report that comes for a trap is about mail that
// somebody forged in its name, and who has logged in is one of ours: neither teaches.
func (j judged) Judged(ctx context.Context, tx *pipeline.Transaction, walks []*pipeline.Walk) {
	j.app.sampleWanted(tx, walks)
	if tx.Envelope.ReversePath.IsNull() || !tx.Client.Login.IsNull() {
		return
	}
	network, _ := tx.Client.Addr.Prefix(24)
	if tx.Client.Addr.Is6() { // of which one customer gets this much
		network, _ = tx.Client.Addr.Prefix(48)
	}
	for _, source := range surely(walks) {
		l := lesson{Message: tx.Message, ID: tx.ID, Spam: true, Source: source, Person: string(source) + " " + network.String(), Domain: trapDomain(walks), Client: tx.Client.Addr}
		if source == learnt.Virus {
			l.Infected = func(ctx context.Context, file *mail.Message) bool {
				return slices.ContainsFunc(walks, func(w *pipeline.Walk) bool { return filters.Infected(ctx, w, file) })
			}
		}
		if source == learnt.Trap && j.app.vouched(tx) {
			j.app.log.Info("not learnt: others sign the same text, from a network with a good history", "id", l.ID, "source", string(source))
			continue
		}
		if j.app.traffic.Good(l.Client) { // it sends for many: the pair would be theirs, too
			l.Client = netip.Addr{}
		}
		_ = j.app.teach(ctx, l) // the error is in the log; the message is taken whatever it teaches
	}
}

// vouched reports whether what a message says came lately from a network with a good history, signed by its author's domain:
// anybody can send a trap a copy of that.
func (a *App) vouched(tx *pipeline.Transaction) bool {
	f := bulk.Of(tx.Message, rules.Fold)
	return a.bulk.Look(&f, nil, tx.Time).Signers > 0
}

// surely are the sources by which walks say that their message is spam.
func surely(walks []*pipeline.Walk) (list []learnt.Source) {
	for _, w := range walks {
		for _, s := range w.Steps {
			source := learnt.Source("")
			switch {
			case s.Shadow:
			case s.Filter == "honeypot" && s.Finding.Result == "trap":
				source = learnt.Trap
			case s.Filter == "antivirus" && s.Finding.Result == "virus":
				source = learnt.Virus
			}
			if source != "" && !slices.Contains(list, source) {
				list = append(list, source)
			}
		}
	}
	return list
}

// releasedIsHam teaches that a released message is no spam: the recipient's reader says so,
// or its sender, who solved a task. What is dangerous was released by an operator, and shows nothing.
func (a *App) releasedIsHam(ctx context.Context, h quarantine.Held, by quarantine.By) {
	if h.Guarded || h.Blob == "" {
		return
	}
	l := lesson{ID: h.Tx, Source: learnt.Release, Person: cmp.Or(by.Person, by.Who), Client: h.Client, Now: true}
	switch {
	case by.Sender:
		l.Source, l.Person = learnt.Challenge, string(h.Sender)
	case by.Operator || by.Who == admin:
		l.Source = learnt.Operator
	}
	l.Domain = domainOf(h.Recipient)
	a.teachContent(ctx, h.Blob, l)
}

// teachContent teaches with the content of a blob.
func (a *App) teachContent(ctx context.Context, name string, l lesson) {
	content, err := a.blobs.Open(ctx, blob.ID(name))
	if err != nil {
		a.log.Warn("not learnt: the content can't be read", "id", l.ID, "source", string(l.Source), "error", err)
		return
	}
	defer content.Close()
	l.Message = mail.NewSpooled(content, content.Size())
	_ = a.teach(ctx, l) // the error is in the log
}

// complained teaches what people say against mail.
type complained struct{ app *App }

// Complained implements complaint.Listener. What is not proven teaches nothing. What
// was complained of once more says the same of the message.
func (c complained) Complained(ctx context.Context, one complaint.Complaint) {
	if one.State != complaint.StateCounts && one.State != complaint.StateAgain || one.Message == "" {
		return
	}
	c.app.teachMessage(ctx, lesson{ID: one.Message, Spam: true, Source: learnt.Report, Person: reporterOf(one), Client: one.Client})
}

// Withdrawn implements complaint.Listener.
func (c complained) Withdrawn(ctx context.Context, one complaint.Complaint) {
	if one.Message != "" {
		c.app.unteach(ctx, one.Message, reporterOf(one), one.EndedBy)
	}
}

func reporterOf(c complaint.Complaint) string {
	if c.Person != "" {
		return c.Person
	}
	return string(c.Reporter)
}

// teachMessage teaches with the content of a message that came here, as long as somebody has it.
func (a *App) teachMessage(ctx context.Context, l lesson) {
	name, hits, err := a.contentOf(ctx, l.ID)
	if err != nil {
		a.log.Info("not learnt: the message is not found", "id", l.ID, "source", string(l.Source), "error", err)
		return
	}
	l.Domain = readerDomain(mail.Path(l.Person), hits)
	a.teachContent(ctx, name, l)
}

// errNobody says that a message is not here any more.
var errNobody = errors.New("nobody has the message any more")

// contentOf names the content of a message that came here, as long as somebody has it, else errNobody; and returns what the
// journal has of the message.
func (a *App) contentOf(ctx context.Context, id string) (name string, hits []journal.Hit, err error) {
	record, hits, err := a.journal.Show(ctx, id)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return "", hits, fmt.Errorf("%w: %w", errNobody, err)
	case err != nil:
		return "", hits, err
	}
	var boxes []int64
	for _, h := range hits {
		found, err := a.directory.Snapshot().Resolve(h.Recipient)
		if err != nil {
			continue // it is nobody's any more
		}
		for _, b := range found.Boxes {
			boxes = append(boxes, b.ID)
		}
	}
	name, err = a.store.Arrivals().Of(ctx, id, record.Time, boxes[:min(len(boxes), maxBoxes)])
	if err == nil && name == "" {
		err = errNobody
	}
	return name, hits, err
}

// readerDomain is the domain of who says something of a message, if it came for that, else the one for which it came.
func readerDomain(person mail.Path, hits []journal.Hit) string {
	domain := ""
	for _, h := range hits {
		own := domainOf(h.Recipient)
		if own == domainOf(person) || domain == "" {
			domain = own
		}
	}
	return domain
}

// maxBoxes bounds the mailboxes in which one message is looked for.
const maxBoxes = 20
