package intake

import (
	"context"
	"fmt"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// Senders know for which mailboxes of others somebody may send.
type Senders interface {
	// MaySend returns how login, a mailbox here, may send for another one.
	MaySend(ctx context.Context, login mail.Path, box int64) (mailbox.Sending, error)
	// Collected reports whether an address elsewhere is that of an account from which the owner of a mailbox has mail fetched, and
	// which he has shown to be his.
	Collected(ctx context.Context, login, address mail.Path) (bool, error)
	// FilesSent reports whether what is sent as a mailbox is to be filed there: it is a group, and has no message with that
	// Message-ID in its Sent yet.
	FilesSent(ctx context.Context, box int64, messageID string) (bool, error)
}

// An Allowance bounds what log-ins send. Its methods wait for a row at most.
type Allowance interface {
	// Begin is asked for each message that a log-in begins, Rcpt for each recipient that is there.
	Begin(login mail.Path) mail.Verdict
	Rcpt(login, rcpt mail.Path) mail.Verdict
	// Wrong is told of each recipient that does not exist.
	Wrong(login mail.Path)
	// Onward is asked for each message that the rules of a mailbox would send on, and says why not; "": they may.
	Onward(box int64, to mail.Path) (why string)
}

// allowed asks about a message that a log-in begins.
func (in *Intake) allowed(login mail.Path, id string) mail.Verdict {
	if in.Allowance == nil || login.IsNull() {
		return mail.Verdict{}
	}
	v := in.Allowance.Begin(login)
	v.ID = id
	return v
}

// allows asks about a recipient of a log-in's message, by what the directory said of him.
func (in *Intake) allows(login, rcpt mail.Path, found mail.Answer) mail.Verdict {
	switch {
	case in.Allowance == nil || login.IsNull():
	case found == mail.NoSuchMailbox:
		in.Allowance.Wrong(login)
	case found == mail.OK:
		return in.Allowance.Rcpt(login, rcpt)
	}
	return mail.Verdict{}
}

// goesOn asks about a message that the rules of a mailbox would send on.
func (in *Intake) goesOn(box int64, to mail.Path) (why string) {
	if in.Allowance == nil {
		return ""
	}
	return in.Allowance.Onward(box, to)
}

// maxOwners bounds the mailboxes behind one address whose grants are looked up.
const maxOwners = 20

// identity returns how a log-in may use an address, as reverse-path or as author. Its own,
// with a sub-address or not, and aliases that lead to it are its own; so is a group, or
// another mailbox, whose owner lets it send, and the address of an account elsewhere that is collected. A sender without a person has its domains. Strangers may use any address, and everybody
// the null path, under which reports go (RFC 5321 §4.5.5).
func (in *Intake) identity(ctx context.Context, s *directory.Snapshot, login, address mail.Path) (mailbox.Sending, error) {
	if login.IsNull() || address.IsNull() {
		return mailbox.SendAs, nil
	}
	if n, ok := s.Sender(login); ok {
		return senderMay(s, n, address), nil
	}
	found, err := s.Resolve(address)
	if err != nil { // nobody has it here
		return in.collected(ctx, s, login, address)
	}
	if found.Owns(login) {
		return mailbox.SendAs, nil
	}
	most := mailbox.NoSending
	if in.Senders == nil {
		return most, nil
	}
	for _, box := range found.Boxes[:min(len(found.Boxes), maxOwners)] {
		if !found.Owns(box.Address) {
			continue
		}
		how, err := in.Senders.MaySend(ctx, login, box.ID)
		if err != nil {
			return mailbox.NoSending, fmt.Errorf("intake: may %s send as %s: %w", login, address, err)
		}
		if how == mailbox.SendAs {
			return how, nil
		}
		if how != mailbox.NoSending {
			most = how
		}
	}
	return most, nil
}

// collected is identity for addresses that nobody has here. One of a domain of ours is nobody's, whatever was confirmed before the
// domain was.
func (in *Intake) collected(ctx context.Context, s *directory.Snapshot, login, address mail.Path) (mailbox.Sending, error) {
	if _, ours := s.Domain(address.Domain()); ours || in.Senders == nil {
		return mailbox.NoSending, nil
	}
	switch is, err := in.Senders.Collected(ctx, login, address); {
	case err != nil:
		return mailbox.NoSending, fmt.Errorf("intake: may %s send as %s: %w", login, address, err)
	case is:
		return mailbox.SendAs, nil
	}
	return mailbox.NoSending, nil
}

// bounces is the reverse-path of what a log-in sends as an address. Where that is elsewhere (see collected) it is the log-in's own: SPF
// knows this node for our domain alone, and reports come to where the message is known.
func bounces(s *directory.Snapshot, login, from mail.Path) mail.Path {
	if login.IsNull() || from.IsNull() {
		return from
	}
	if _, ours := s.Domain(from.Domain()); ours {
		return from
	}
	return login
}

// notYours refuses an address that is no identity of the log-in.
func notYours(id string, login, address mail.Path) mail.Verdict {
	return mail.Verdict{Answer: mail.NotYours, ID: id, Reason: string(login) + " may not send as " + string(address)}
}

// owns reports whether an address is one of a mailbox's own: its address, one with a
// sub-address, or an alias that leads to it.
func owns(s *directory.Snapshot, box, address mail.Path) bool {
	found, err := s.Resolve(address)
	return err == nil && found.Owns(box)
}
