package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"gatepost/internal/blob"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
	"gatepost/mailbox/sieve"
	"gatepost/quarantine/challenge"
)

// Letters makes transfers of what the node writes by itself; *queue.Queue does.
type Letters interface {
	// Letter stores the content. It fails with queue.ErrMany where the address gets no more.
	Letter(ctx context.Context, l queue.Letter) (*queue.Transfer, error)
}

// A draft is a letter that rules ask for; or, with a delivery, a message that they send back, which
// goes there where nobody can be told.
type draft struct {
	letter  queue.Letter
	once    mailbox.Memory
	message *queue.Message // that is sent back
	to      *queue.Transfer
	junk    *mailbox.Delivery
}

// vacation drafts an answer (RFC 5230), or says why nobody is answered. The rules are those by
// which senders of held mail are sent notices: nobody is who is not proven to be the sender.
func (in *Intake) vacation(ctx context.Context, f *filed, env *sieve.Env, away *sieve.Answer) string {
	p := f.mine
	switch why := away.Declines(env); {
	case why != "":
		return why
	case p.isSpam():
		return "it is taken for spam"
	case p.released:
		return "it was held and comes late"
	case p.proof() == queue.OfList: // RFC 3834 §2
		return "it comes from a list"
	}
	c := challenge.Case{Sender: p.sender, Header: p.served.Header(), Proof: p.proof(), Arrived: p.d.Time, Now: in.Now()}
	if why := c.Refusal(); why != "" {
		return "its sender is not to be written to (" + string(why) + ")"
	}
	once := mailbox.Memory{Box: p.d.Box, Time: in.Now(), Expires: in.Now().Add(away.Every)}
	if away.Every > 0 {
		sum := sha256.Sum256([]byte(p.sender.Unsigned()))
		once.ID = "answered " + away.Handle + " " + hex.EncodeToString(sum[:16])
		switch known, err := in.Rules.Recalls(ctx, once.Box, once.ID, once.Time); {
		case err != nil: // the commit knows as well
			in.Log.Warn("whom rules answered is not known", "mailbox", p.box.Address, "error", err)
		case known:
			return "its sender was answered before"
		}
	}
	own := *away
	if !own.From.IsNull() && !owns(p.snapshot, p.box.Address, own.From) { // nobody writes as somebody else
		own.From, own.FromName = mail.Null, ""
	}
	id := "<" + mail.NewID(in.Now()) + "@" + in.config().Hostname + ">"
	f.drafts = append(f.drafts, draft{letter: queue.Letter{To: p.sender, Content: own.Compose(env, id), Kind: "vacation", RequireTLS: p.params.RequireTLS}, once: once})
	return ""
}

// sendBack says what is to become of a piece that rules reject while others get the message, or
// after the client's answer: it goes back in a report (RFC 5429 §2.1) where the sender is proven, and
// else to Junk, since the report would go to who wrote nothing.
func (in *Intake) sendBack(f *filed) {
	p, a := f.mine, f.reject
	junk := *p.d
	junk.Folder = string(mailbox.Junk)
	c := challenge.Case{Sender: p.sender, Header: p.served.Header(), Proof: p.proof(), Arrived: p.d.Time, Now: in.Now()}
	why := string(c.Refusal())
	switch {
	case p.isSpam():
		why = "it is taken for spam"
	case !p.wishes.Notify.Wants(mail.NotifyFailure): // RFC 3461 §4.1
		why = "he wants no reports"
	}
	if why != "" {
		f.deliveries = append(f.deliveries, &junk)
		f.step("reject", a.Line, a.In, "rejected, but filed into Junk, since its sender is not to be written to (%s),", why)
		return
	}
	f.step("reject", a.Line, a.In, "sent back to its sender")
	m := &queue.Message{ID: p.tx, Tx: p.tx, Sender: p.sender, Blob: p.d.Blob, Params: p.params, Created: p.d.Time, Expires: in.Now().Add(in.config().Lifetime)}
	f.drafts = append(f.drafts, draft{message: m, to: &queue.Transfer{Message: m, Recipient: p.rcpt, Params: p.wishes}, junk: &junk, letter: queue.Letter{Content: []byte(a.Reason)}})
}

// write makes transfers of drafts, the content being durable. What can't be written is left out:
// no mail is lost by that. The
// reports are for the commit, too.
func (in *Intake) write(ctx context.Context, c *Commit, list []draft, id blob.ID) (reports []*queue.Transfer) {
	for _, d := range list {
		if d.message != nil {
			d.message.Blob, d.junk.Blob = string(id), string(id)
			tr, err := in.Reports.Declined(ctx, d.message, d.to, string(d.letter.Content))
			if err != nil || tr == nil {
				in.Log.Warn("what rules reject is in Junk, since nobody could be told", "id", d.message.Tx, "error", err)
				c.Deliveries = append(c.Deliveries, d.junk)
				continue
			}
			reports = append(reports, tr)
			continue
		}
		tr, err := in.Letters.Letter(ctx, d.letter)
		if err != nil {
			if !errors.Is(err, queue.ErrMany) {
				in.Log.Error("a letter of rules is not sent", "to", d.letter.To, "kind", d.letter.Kind, "error", err)
			}
			continue
		}
		c.Answers = append(c.Answers, Answer{Transfer: tr, Once: d.once})
	}
	return reports
}
