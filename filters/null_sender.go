package filters

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/sent"
	"gatepost/internal/srs"
	"gatepost/pipeline"
)

// A Ledger knows the Message-IDs of what this system sent; *sent.Ledger is one.
type Ledger interface {
	// Sent returns the first of some Message-IDs that was sent under the reverse-path rcpt,
	// or "".
	Sent(ctx context.Context, rcpt mail.Path, ids []string) (string, error)
}

// Signed reads return paths that this system signed; *sent.Signer does.
type Signed interface {
	// Verify fails with sent.ErrUnsigned, ErrForged or ErrExpired.
	Verify(ctx context.Context, rcpt mail.Path) (mail.Path, error)
}

// Forwarded reads return paths under which this system sent mail on; *srs.Rewriter does.
type Forwarded interface {
	// Reverse fails with srs.ErrNotSRS, ErrForged or ErrExpired.
	Reverse(rcpt mail.Path) (mail.Path, error)
}

// nullSender looks at mail without a sender (the reverse-path is <>), as delivery reports
// are, and forged ones. A true report comes back to a return path that this system signed (BATV) or under
// which it sent mail on (SRS); or it returns, or answers, a message that this system sent,
// told by its Message-ID and by the address that sent it, to which the report has to come: the Message-ID stands in the report's copy of the message, in the receipt
// of a mail program, or in In-Reply-To and References of an answer, so that the filter waits for the content. Known is what users
// who logged in sent within `sent.keep`, and what the node wrote by itself; not what a list or a forward sent on for
// strangers, who know its Message-ID and would prove forged reports by it. Customers whose own servers send
// to the Internet without this node get reports that prove nothing: so it costs points only; let their reports pass with `on: {unproven: none}` in
// their policy. Where a domain signs its return paths (`gatepost domain set NAME --sign-returns on`), and has done so for eight days, what comes to a plain address of it and proves nothing
// is refused. No sender can be offered a challenge.
type nullSender struct{ Deps }

func nullSenderKind(d Deps) pipeline.Kind {
	return pipeline.Kind{
		Name: "null-sender", Stage: pipeline.Mail, Scope: pipeline.PerRecipient, Waits: true, Told: true,
		Results: []pipeline.Result{
			{Word: "none", Effect: "none", Doc: "the message has a sender"},
			{Word: "proven", Effect: "none", Doc: "it is about something that this system sent"},
			{Word: "unproven", Effect: "score 3", Firm: true, Doc: "nothing shows that it is"},
			{Word: "unsigned", Effect: "reject", Doc: "the same, and all that the address sent lately left under signed return paths"},
			{Word: "forged", Effect: "score 3", Firm: true, Doc: "the return path has a tag that this system did not make"},
			{Word: "temperror", Effect: "none", Doc: "what was sent can't be read now"},
		},
		New: func(any) (pipeline.Filter, error) { return nullSender{d}, nil },
	}
}

// Check implements pipeline.Filter.
func (n nullSender) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	if !q.Tx.Envelope.ReversePath.IsNull() {
		return pipeline.Finding{Result: "none"}, nil
	}
	f, err := n.path(ctx, q.Recipient)
	if err != nil || f.Result != "" {
		return f, err
	}
	if q.Tx.Message == nil {
		return pipeline.Finding{Wait: true}, nil
	}
	about, err := n.about(ctx, q.Tx, q.Recipient)
	switch {
	case err != nil:
		return pipeline.Finding{}, err
	case about.id != "":
		f = pipeline.Finding{Result: "proven", Reason: "it is about a message that was sent from here"}
		f.Evidence = []pipeline.Evidence{{Key: "message_id", Value: shorten(about.id)}}
		return f, nil
	}
	if n.signs(q.Recipient, q.Tx.Time) {
		return pipeline.Finding{Result: "unsigned", Reason: "reports about mail from " + string(q.Recipient) + " come to a signed return path, and this one is about nothing that it sent"}, nil
	}
	f = pipeline.Finding{Result: "unproven", Reason: "it has no sender, and is about nothing that was sent from here"}
	f.Evidence = []pipeline.Evidence{{Key: "message_ids", Value: fmt.Sprint(about.named)}}
	return f, nil
}

// signs reports whether all that an address sent of which a report may still come left under signed return paths. It is asked about
// plain addresses; a tag that is too old speaks for itself.
func (n nullSender) signs(rcpt mail.Path, now time.Time) bool {
	if _, tagged := sent.Unsigned(rcpt); n.Signs == nil || tagged {
		return false
	}
	since := n.Signs(rcpt)
	return !since.IsZero() && now.Sub(since) > sent.Lifetime+24*time.Hour
}

// path says what the return path itself tells; nothing where it is a plain address.
func (n nullSender) path(ctx context.Context, rcpt mail.Path) (pipeline.Finding, error) {
	if n.Forwarded != nil {
		to, err := n.Forwarded.Reverse(rcpt)
		switch {
		case err == nil:
			return pipeline.Finding{Result: "proven", Reason: "it is about mail that was sent on from here for " + string(to)}, nil
		case errors.Is(err, srs.ErrForged):
			return pipeline.Finding{Result: "forged", Reason: "the return path is none under which mail was sent on from here"}, nil
		}
	}
	if n.Signed == nil {
		return pipeline.Finding{}, nil
	}
	plain, err := n.Signed.Verify(ctx, rcpt)
	switch {
	case err == nil:
		return pipeline.Finding{Result: "proven", Reason: "the return path was signed here for " + string(plain)}, nil
	case errors.Is(err, sent.ErrForged):
		return pipeline.Finding{Result: "forged", Reason: "the tag of the return path was not made here"}, nil
	case errors.Is(err, sent.ErrUnsigned), errors.Is(err, sent.ErrExpired): // a late one may prove itself otherwise
		return pipeline.Finding{}, nil
	}
	return pipeline.Finding{}, err
}

// about is what a message without a sender is about.
type about struct {
	id    string // the Message-ID of what was sent; "": of nothing
	named int    // how many it names
}

// ledgerLimit bounds the look-up.
const ledgerLimit = 5 * time.Second

// about reads the message once for all its recipients, and asks the ledger for each.
func (n nullSender) about(ctx context.Context, tx *pipeline.Transaction, rcpt mail.Path) (about, error) {
	ids, err := pipeline.Fact(ctx, tx, "refers", ledgerLimit, func(context.Context) ([]string, error) {
		ids := sent.Refers(tx.Message)
		if err := tx.Message.Err(); err != nil {
			return nil, fmt.Errorf("read message: %w", err)
		}
		return ids, nil
	})
	if err != nil || n.Ledger == nil {
		return about{named: len(ids)}, err
	}
	ctx, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	id, err := n.Ledger.Sent(ctx, rcpt, ids)
	return about{id, len(ids)}, err
}
