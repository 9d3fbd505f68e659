package app

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/internal/door"
	"gatepost/internal/identity"
	"gatepost/internal/intake"
	"gatepost/internal/mail"
	"gatepost/internal/resolve"
	"gatepost/internal/smtpd"
)

// A receiver is the intake as the SMTP edge wants it.
type receiver struct {
	in     *intake.Intake
	budget resolve.Budget // of the gate, and of each transaction
}

// Connect implements smtpd.Receiver.
func (r receiver) Connect(ctx context.Context, c mail.Client) (smtpd.Conversation, mail.Verdict) {
	conv, v := r.in.Connect(r.budget.Begin(ctx), c)
	if v.Answer != mail.OK {
		conv.Close()
		return nil, v
	}
	return conversation{conv, r.budget}, v
}

type conversation struct {
	*intake.Conversation
	budget resolve.Budget
}

// Mail implements smtpd.Conversation.
func (c conversation) Mail(ctx context.Context, client mail.Client, from mail.Path, p mail.Params) (smtpd.Transaction, mail.Verdict) {
	t, v := c.Conversation.Mail(c.budget.Begin(ctx), client, from, p)
	if t == nil {
		return nil, v
	}
	return transaction{t, c.budget}, v
}

type transaction struct {
	*intake.Transaction
	budget resolve.Budget
}

// Data implements smtpd.Transaction. Where a relay of ours brought the message, what is
// asked about the client behind it begins here.
func (t transaction) Data(ctx context.Context, m *mail.Message, received []byte) mail.Verdict {
	return t.Transaction.Data(t.budget.Begin(ctx), m, received)
}

// A userReceiver is a receiver where people log in: who is banned from that is sent away
// whatever the gate lets through.
type userReceiver struct {
	receiver
	refusal func(netip.Addr) string
}

// Connect implements smtpd.Receiver.
func (r userReceiver) Connect(ctx context.Context, c mail.Client) (smtpd.Conversation, mail.Verdict) {
	if why := r.refusal(c.Addr); why != "" {
		return nil, mail.Verdict{Answer: mail.Shut, Reason: why}
	}
	return r.receiver.Connect(ctx, c)
}

func (a *App) receiver(users bool, budget resolve.Budget) smtpd.Receiver {
	r := receiver{a.intake, budget}
	if users {
		return userReceiver{r, a.refusal("submission")}
	}
	return r
}

// logins checks passwords and tokens for SMTP and IMAP, unless there were too many wrong ones.
type logins struct {
	d      *directory.Directory
	g      *access.Guard
	ids    *identity.IDs
	domain string         // of users who name none; "": none
	seen   *access.Logins // is told who logged in; nil: nobody is
}

// whole is a user's name with its domain.
func (l logins) whole(user string) string {
	if l.domain == "" || user == "" || strings.Contains(user, "@") {
		return user
	}
	return user + "@" + l.domain
}

// check fails with directory.ErrLogin, or with an access.Blocked.
func (l logins) check(ctx context.Context, user, password string, peer netip.Addr) (directory.Mailbox, error) {
	return l.checkBy(ctx, user, password, peer, l.d.AuthenticateProgram)
}

func (l logins) checkBy(ctx context.Context, user, password string, peer netip.Addr, right func(ctx context.Context, user, password string) (directory.Mailbox, error)) (directory.Mailbox, error) {
	user = l.whole(user)
	attempt, err := l.g.Begin(user, peer, password)
	if err != nil {
		return directory.Mailbox{}, err
	}
	m, err := right(ctx, user, password)
	finish(ctx, attempt, err)
	return m, err
}

// prove is check for who shows a proof. What the same wrong password proves is another each time,
// so each failure counts.
func (l logins) prove(ctx context.Context, user string, peer netip.Addr, fits func(directory.SCRAM) bool) (directory.Mailbox, error) {
	return l.proveBy(ctx, user, peer, fits, l.d.Prove)
}

func (l logins) proveBy(ctx context.Context, user string, peer netip.Addr, fits func(directory.SCRAM) bool, right func(string, func(directory.SCRAM) bool) (directory.Mailbox, error)) (directory.Mailbox, error) {
	user = l.whole(user)
	attempt, err := l.g.Begin(user, peer, rand.Text())
	if err != nil {
		return directory.Mailbox{}, err
	}
	m, err := right(user, fits)
	finish(ctx, attempt, err)
	return m, err
}

// finish tells the guard what came of an attempt.
func finish(ctx context.Context, attempt *access.Attempt, err error) {
	switch {
	case err == nil:
		attempt.Right()
	case errors.Is(err, directory.ErrLogin):
		attempt.Wrong(ctx)
	default:
		attempt.Undo()
	}
}

// doorLogins is logins as the doors of mailboxes, and submission, want it.
type doorLogins struct {
	logins
	service directory.Service
}

// open fails where the service is not open to a mailbox.
func (l doorLogins) open(m directory.Mailbox, peer netip.Addr, err error) (int64, string, error) {
	if err == nil && !l.d.Snapshot().Serves(m.ID, l.service) {
		err = door.ErrShut
	}
	if err == nil {
		l.seen.Note(m.ID, string(l.service), peer)
	}
	return m.ID, string(m.Address), doorError(err)
}

// Login implements door.Authenticator.
func (l doorLogins) Login(ctx context.Context, user, password string, peer netip.Addr) (int64, string, error) {
	m, err := l.check(ctx, user, password, peer)
	return l.open(m, peer, err)
}

var _ door.Prover = doorLogins{}

// Salt implements door.Prover.
func (l doorLogins) Salt(_ context.Context, user string) ([]byte, int, error) {
	salt, iterations := l.d.SaltOf(l.whole(user))
	return salt, iterations, nil
}

// Proves implements door.Prover. Where some people's passwords are kept elsewhere nobody is offered SCRAM: programs that find it
// there take it, and tell those people that their password is wrong.
func (l doorLogins) Proves() bool { return !l.d.LoginsElsewhere() }

// Prove implements door.Prover.
func (l doorLogins) Prove(ctx context.Context, user string, peer netip.Addr, fits func(door.Keys) bool) (int64, string, error) {
	m, err := l.prove(ctx, user, peer, fitting(fits))
	return l.open(m, peer, err)
}

// fitting asks a door's question of the directory's keys.
func fitting(fits func(door.Keys) bool) func(directory.SCRAM) bool {
	return func(k directory.SCRAM) bool { return fits(door.Keys{Stored: k.StoredKey, Server: k.ServerKey}) }
}

func doorError(err error) error {
	var token badToken
	switch {
	case errors.As(err, &token):
		return token.told()
	case errors.Is(err, directory.ErrLogin):
		return door.ErrLogin
	case errors.Is(err, directory.ErrSuspended), errors.Is(err, directory.ErrClosed):
		return door.ErrShut
	case errors.As(err, new(access.Blocked)):
		return door.ErrLater
	}
	return err
}
