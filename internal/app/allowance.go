package app

import (
	"cmp"
	"context"
	"net/netip"
	"time"

	"gatepost/internal/allowance"
	"gatepost/internal/config"
	"gatepost/internal/directory"
	"gatepost/internal/door"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/internal/sent"
)

// openAllowance joins the limits of log-ins with the directory, the store and the metrics.
func (a *App) openAllowance(ctx context.Context, _ *config.Config) error {
	a.allowance = allowance.New(allowance.Config{
		Rows: a.store.Submission(), Node: mail.NewID(a.now()), Limits: a.sendingLimits, Owners: a.limitOwners, Told: a.tellStopped, Log: a.log,
		Now: func() time.Time { return a.now() }, Old: a.clock.Now,
	})
	a.metrics.Gauge("submission_stopped", "Log-ins that may send nothing until somebody says so.", func() float64 { return float64(a.allowance.Stops()) })
	return a.allowance.Sync(ctx)
}

// sendingLimits are the configuration's.
func (a *App) sendingLimits() allowance.Limits {
	s := a.config.Load().Submission
	return allowance.Limits{Minute: s.PerMinute, Hour: s.PerHour, Day: s.PerDay, Recipients: s.Recipients, LockAt: s.LockAt}
}

// limitOwners is who has a say in the limits of a mailbox.
func (a *App) limitOwners(box int64) []allowance.Owner {
	s := a.directory.Snapshot()
	l, ok := loginWithID(s, box)
	if !ok {
		return nil
	}
	d, _ := s.Domain(l.name.Domain())
	return []allowance.Owner{allowance.OfBox(box), allowance.OfDomain(d.ID)}
}

// sendLimits are the limits of log-ins as the intake, and the queue, want them.
type sendLimits struct {
	book      *allowance.Book
	directory *directory.Directory
	count     func(what string)
}

// Begin implements intake.Allowance.
func (s sendLimits) Begin(login mail.Path) mail.Verdict {
	who, ok := loginNamed(s.directory.Snapshot(), login)
	if !ok {
		return mail.Verdict{}
	}
	return s.verdict(login, s.book.Begin(who.id), mail.Reply{Code: 450, Enhanced: "4.7.1"})
}

// Rcpt implements intake.Allowance.
func (s sendLimits) Rcpt(login, rcpt mail.Path) mail.Verdict {
	who, ok := loginNamed(s.directory.Snapshot(), login)
	if !ok {
		return mail.Verdict{}
	}
	return s.verdict(login, s.book.To(who.id, standsFor(s.directory.Snapshot(), rcpt)...), mail.Reply{Code: 452, Enhanced: "4.5.3"})
}

// standsFor returns whom a recipient stands for: the mailboxes and addresses elsewhere to which aliases, lists and
// forwards bring his mail; himself where there are none. Copies that a mailbox gives others are its own affair.
func standsFor(s *directory.Snapshot, rcpt mail.Path) (all []mail.Path) {
	found, err := s.Resolve(rcpt)
	if err != nil { // he is elsewhere
		return []mail.Path{rcpt}
	}
	for _, m := range found.Boxes {
		if !found.Copied(m.ID) {
			all = append(all, m.Address)
		}
	}
	for _, r := range found.Remotes {
		if _, copied := s.Mailbox(r.By); !copied {
			all = append(all, r.Address)
		}
	}
	if len(all) == 0 {
		return []mail.Path{rcpt}
	}
	return all
}

// Onward implements intake.Allowance.
func (s sendLimits) Onward(box int64, to mail.Path) (why string) {
	switch a := s.book.Onward(box, to); a.Kind {
	case allowance.Later:
		s.count("onward")
		return "of what its rules send on only " + a.Why
	case allowance.Stopped:
		return "it may send nothing for now"
	}
	return ""
}

// Wrong implements intake.Allowance.
func (s sendLimits) Wrong(login mail.Path) {
	if who, ok := loginNamed(s.directory.Snapshot(), login); ok {
		s.book.Wrong(who.id)
	}
}

// verdict puts an answer into words.
func (s sendLimits) verdict(login mail.Path, a allowance.Answer, later mail.Reply) mail.Verdict {
	switch a.Kind {
	case allowance.Later:
		s.count("later")
		later.Text = "too much from " + string(login) + ": " + a.Why + ", come back later"
		return mail.Verdict{Answer: mail.Deferred, Reply: later, Reason: a.Why}
	case allowance.Stopped:
		s.count("stopped")
		return mail.Verdict{Answer: mail.Refused, Reason: string(login) + " may send nothing for now, ask postmaster@" + login.Domain() + ": " + a.Why}
	}
	return mail.Verdict{}
}

// bounced counts what comes back to a mailbox here.
func (s sendLimits) bounced(job queue.Job, report queue.Report) {
	if job.Message.Sender.IsNull() {
		return
	}
	from := job.Message.Sender
	if plain, signed := sent.Unsigned(from); signed {
		from = plain
	}
	m, ok := s.directory.Snapshot().Mailbox(from.Base())
	if !ok {
		return
	}
	for _, r := range report.Results {
		if r.Fate == queue.Refused {
			s.book.Wrong(m.ID)
		}
	}
}

// submissionLogins are doorLogins where mail is sent: senders without a person log in there too, and it
// is noted from where.
type submissionLogins struct {
	doorLogins
	book *allowance.Book
}

var _ door.Prover = submissionLogins{}

// Login implements door.Authenticator.
func (l submissionLogins) Login(ctx context.Context, user, password string, peer netip.Addr) (int64, string, error) {
	m, err := l.checkBy(ctx, user, password, peer, l.d.AuthenticateSubmission)
	return l.noted(m, peer, err)
}

// Prove implements door.Prover.
func (l submissionLogins) Prove(ctx context.Context, user string, peer netip.Addr, fits func(door.Keys) bool) (int64, string, error) {
	m, err := l.proveBy(ctx, user, peer, fitting(fits), l.d.ProveSubmission)
	return l.noted(m, peer, err)
}

func (l submissionLogins) noted(m directory.Mailbox, peer netip.Addr, err error) (int64, string, error) {
	_, person := l.d.Snapshot().Box(m.ID)
	if err == nil && person && !l.d.Snapshot().Serves(m.ID, l.service) {
		err = door.ErrShut
	}
	if err == nil {
		l.book.LoggedIn(m.ID, peer)
		if person {
			l.seen.Note(m.ID, string(l.service), peer)
		}
	}
	return m.ID, string(m.Address), doorError(err)
}

// tellStopped writes to the postmaster of a domain whose log-in the limits have stopped.
func (a *App) tellStopped(ctx context.Context, s allowance.Stop) {
	who, ok := loginWithID(a.directory.Snapshot(), s.Box)
	if !ok {
		return
	}
	a.log.Warn("a log-in was stopped: it sends too much", "mailbox", who.name, "reason", s.Reason)
	a.metrics.Submission("locked")
	found, err := a.directory.Snapshot().Resolve(mail.Path("postmaster@" + who.name.Domain()))
	if err != nil {
		a.log.Error("postmaster not told of a stopped log-in", "mailbox", who.name, "error", err)
		return
	}
	for _, box := range found.Boxes {
		if err := a.deliverStop(ctx, box, who.name, s); err != nil {
			a.log.Error("postmaster not told of a stopped log-in", "mailbox", who.name, "to", box.Address, "error", err)
		}
	}
}

// deliverStop delivers the letter to one mailbox.
func (a *App) deliverStop(ctx context.Context, to directory.Mailbox, who mail.Path, s allowance.Stop) error {
	dom, _ := a.directory.Snapshot().Domain(to.Address.Domain())
	_, machine := a.directory.Snapshot().Sender(who)
	content := a.letters.stopped(cmp.Or(to.Language, dom.Language, a.config.Load().Digest.Language), to.Address, who, machine, s, a.config.Load().Hostname)
	return a.deliverLetter(ctx, to.ID, queue.Letter{To: to.Address, Content: content, Kind: "stopped"}, a.now())
}
