package intake

import (
	"cmp"
	"context"
	"slices"
	"time"

	"gatepost/internal/complaint"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// An Authority finds out who is proven to have written a message.
type Authority interface {
	// Writer says who, and by what, "log-in", "spf" or "dkim example.org"; null where
	// nothing proves anybody.
	Writer(ctx context.Context, tx *pipeline.Transaction) (who mail.Path, how string, err error)
}

// complains reports whether an address takes complaints: abuse@ of every domain (RFC
// 2142), and those that are configured.
func (in *Intake) complains(rcpt mail.Path, role bool) bool {
	a := rcpt.Fold().Base()
	return role && a.Local() == "abuse" || slices.Contains(in.config().ComplaintAddresses, a)
}

// complaints is what a message says against others, where it is for an address that takes
// complaints: it goes into the accepting commit, and is judged later (complaint.Desk). The
// message is delivered to whoever reads that address, too. What it costs is one walk over
// the content.
func (t *Transaction) complaints(ctx context.Context, m *mail.Message) []complaint.Report {
	takes := func(r *recipient) bool {
		return (r.outcome == mail.Delivered || r.outcome == mail.Queued) && t.in.complains(r.path, r.way.Role)
	}
	if t.in.Authority == nil || !slices.ContainsFunc(t.rcpts, takes) {
		return nil
	}
	report, ok := complaint.Parse(m)
	if !ok {
		return nil
	}
	report.Tx, report.Time = t.ID(), t.tx.Time
	report.Reporter, report.Proof = t.reporter(ctx)
	return []complaint.Report{report}
}

// reporter is who complains. Where that can't be told nothing is proven.
func (t *Transaction) reporter(ctx context.Context) (who mail.Path, how string) {
	limit := proofTime
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)/2) // the message must still be kept
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	who, how, err := t.in.Authority.Writer(ctx, t.tx)
	if err != nil {
		t.in.Log.Warn("reporter not proven", "id", t.ID(), "sender", t.tx.Envelope.ReversePath, "error", err)
		who, how = mail.Null, ""
	}
	author, _ := t.tx.Message.Author()
	return cmp.Or(who, t.tx.Envelope.ReversePath, author).Fold(), how
}
