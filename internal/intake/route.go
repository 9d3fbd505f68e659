package intake

import (
	"cmp"
	"context"
	"errors"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// A Router says where mail for an address goes that leaves mailboxes here alone.
type Router interface {
	// Destination is the way to an address for what one of our domains sends on
	// ("": nobody's), since a domain may have a smarthost of its own.
	Destination(to mail.Path, by string) queue.Destination
}

// Lookups know recipients that the directory does not.
type Lookups interface {
	// Exists asks the look-up of that name. An error means that it can't tell now.
	Exists(ctx context.Context, name string, rcpt mail.Path) (bool, error)
}

// A Rewriter rewrites reverse-paths so that what is sent on leaves under an address
// of ours, and reads them again when a report comes back to one.
type Rewriter interface {
	Forward(sender mail.Path, domain string) (mail.Path, error)
	// Reverse fails for an address that Forward did not make, or long ago.
	Reverse(rcpt mail.Path) (mail.Path, error)
}

// Returns signs return paths of ours (BATV), and reads them.
type Returns interface {
	// SignFrom returns the path under which mail of a sender of ours leaves at that time; what is null, signed or
	// rewritten by SRS stays as it is.
	SignFrom(ctx context.Context, sender mail.Path, leaves time.Time) (mail.Path, error)
	// Verify returns the address that was signed. It fails for what is none, and, with the
	// address all the same, for a tag that is not ours or too old.
	Verify(ctx context.Context, rcpt mail.Path) (mail.Path, error)
}

// A Sender is told of destinations that have something to carry, after the commit.
type Sender interface{ Wake(d queue.Destination) }

// A Reporter makes the report to a sender that asked to hear of success (RFC 3461
// §4.1); it is nil where none is to be sent. The content of m is durable.
type Reporter interface {
	Delivered(ctx context.Context, m *queue.Message, to []*queue.Transfer) (*queue.Transfer, error)
	// Declined makes the report that a recipient's rules send a message back; nil where none is to be
	// sent.
	Declined(ctx context.Context, m *queue.Message, to *queue.Transfer, reason string) (*queue.Transfer, error)
}

// route finds where mail for a recipient goes. login is null for strangers; who
// has logged in may send to anybody.
func (in *Intake) route(ctx context.Context, s *directory.Snapshot, from, rcpt, login mail.Path) (directory.Resolution, mail.Verdict) {
	found, err := in.resolve(ctx, s, from, rcpt)
	switch {
	case errors.Is(err, directory.ErrNoDomain) && !login.IsNull():
		home, _ := s.Domain(login.Domain())
		return directory.Resolution{Domain: home, Remotes: []directory.Remote{{Address: rcpt}}}, mail.Verdict{}
	case err != nil:
		return found, unknown(err)
	}
	if err := found.Post(from); err != nil {
		return found, mail.Verdict{Answer: mail.Refused, Reason: "this list does not take mail from " + cmp.Or(string(from), "<>")}
	}
	if found.Lookup == "" {
		return found, mail.Verdict{}
	}
	exists, err := in.Lookups.Exists(ctx, found.Lookup, found.Remotes[0].Address)
	switch {
	case err != nil:
		in.Log.Warn("recipient not looked up", "recipient", rcpt, "lookup", found.Lookup, "error", err)
		return found, mail.Verdict{Answer: mail.Failed, Reply: mail.Reply{
			Code: 451, Enhanced: "4.4.3", Text: "the recipient cannot be verified now, come back later",
		}}
	case !exists:
		return found, mail.Verdict{Answer: mail.NoSuchMailbox}
	}
	return found, mail.Verdict{}
}

// resolve is the directory's answer, which does not know the addresses that we made
// for senders whose mail we sent on, and for our own whose return path is signed: reports
// about it come back to those. Whether a signature is good is for filters to say; only what
// has a sender must have a good one.
func (in *Intake) resolve(ctx context.Context, s *directory.Snapshot, from, rcpt mail.Path) (directory.Resolution, error) {
	if from.IsNull() {
		if found, ok := in.returned(s, rcpt); ok {
			return found, nil
		}
	}
	if in.Returns == nil {
		return s.Resolve(rcpt)
	}
	plain, unproven := in.Returns.Verify(ctx, rcpt)
	if plain != "" && unproven == nil {
		return s.Resolve(plain)
	}
	// A domain's own servers may sign by themselves: what they know stays as it is.
	found, err := s.Resolve(rcpt)
	if plain != "" && from.IsNull() && errors.Is(err, directory.ErrNoMailbox) {
		return s.Resolve(plain)
	}
	return found, err
}

// returned is where a report goes for an address that we made for a sender.
func (in *Intake) returned(s *directory.Snapshot, rcpt mail.Path) (directory.Resolution, bool) {
	home, ours := s.Domain(rcpt.Domain())
	if !ours {
		return directory.Resolution{}, false
	}
	back, err := in.SRS.Reverse(rcpt)
	if err != nil {
		return directory.Resolution{}, false
	}
	if again, err := in.SRS.Reverse(back); err == nil { // it was sent on twice from here
		back = again
	}
	return directory.Resolution{Domain: home, Remotes: []directory.Remote{remote(s, back)}}, true
}

// remote is an address as the mail of its own, which goes on as it came.
func remote(s *directory.Snapshot, address mail.Path) directory.Remote {
	r := directory.Remote{Address: address}
	if dom, ours := s.Domain(address.Domain()); ours && len(dom.Hosts) > 0 {
		r.Home = dom.Name
	}
	return r
}

// signedReturn is the reverse-path under which mail leaves of one who had logged in, where his domain signs those: a report that
// comes back proves by it that it is about something that we sent, for days from when it left (at). A list's mail has its owner's, as it is.
func (in *Intake) signedReturn(ctx context.Context, s *directory.Snapshot, sender mail.Path, to directory.Remote, at time.Time) mail.Path {
	if in.Returns == nil || !to.Bounces.IsNull() {
		return sender
	}
	if dom, ours := s.Domain(sender.Domain()); !ours || dom.SignsReturns.IsZero() {
		return sender
	}
	signed, err := in.Returns.SignFrom(ctx, sender, at)
	if err != nil { // too long, at most: a report about it has to prove itself otherwise
		in.Log.Warn("return path not signed", "sender", sender, "error", err)
		return sender
	}
	return signed
}

// leaves is the reverse-path that mail goes on under.
func (in *Intake) leaves(s *directory.Snapshot, sender mail.Path, r directory.Remote) mail.Path {
	if !r.Bounces.IsNull() {
		return r.Bounces
	}
	if r.By.IsNull() || sender.IsNull() {
		return sender
	}
	if _, ours := s.Domain(sender.Domain()); ours {
		return sender
	}
	rewritten, err := in.SRS.Forward(sender, r.By.Domain())
	if err != nil { // too long, at most: the next hop's SPF check may fail, and no more
		in.Log.Warn("reverse-path not rewritten", "sender", sender, "by", r.By, "error", err)
		return sender
	}
	return rewritten
}
