package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"gatepost/internal/dmarc"
	"gatepost/internal/mail"
)

// reported is the DMARC aggregate report that a message brings, where it is for an address
// that takes them: it goes into the accepting commit. The message goes its way all the same.
// Anybody can write a report: it counts only where its sender is proven and its domain is
// ours, under the sender's proven domain, whatever he calls himself; so nobody can put
// something in another's mouth, nor take the place of his report.
func (t *Transaction) reported(ctx context.Context, m *mail.Message) []dmarc.Received {
	takes := func(r *recipient) bool {
		kept := slices.Contains([]mail.Outcome{mail.Delivered, mail.Queued, mail.Junked, mail.Tagged, mail.Held}, r.outcome)
		return kept && slices.Contains(t.in.config().DMARCAddresses, r.path.Fold().Base())
	}
	if t.in.Authority == nil || !slices.ContainsFunc(t.rcpts, takes) {
		return nil
	}
	r, ok := dmarc.Read(m)
	if !ok {
		return nil
	}
	r.Tx, r.Time = t.ID(), t.tx.Time
	r.Writer, r.Proof = t.reporter(ctx)
	problem, ours := "", t.in.ours(r.Domain)
	switch {
	case r.Proof == "":
		problem = "nothing proves its sender"
	case ours == "":
		problem = "its domain is none of ours"
	case !r.Timely():
		problem = "it tells of days to come, or long gone"
	}
	if problem != "" {
		t.in.Log.Info("DMARC report not counted", "id", t.ID(), "domain", r.Domain, "sender", r.Writer, "cause", problem)
		return nil
	}
	r.Reporting = r.Writer.Domain()
	sum := sha256.Sum256([]byte(strings.Join([]string{r.Reporting, r.ID, r.Domain, string(dmarc.DayOf(r.Begin))}, "\n")))
	r.Key = hex.EncodeToString(sum[:16])
	r.Domain = ours
	for i := range r.Sums {
		r.Sums[i].Reporter, r.Sums[i].Domain = r.Reporting, ours
	}
	return []dmarc.Received{r}
}

// ours returns the domain of ours that a domain is, or is below; "": it is none. Names below one can be
// made up without end.
func (in *Intake) ours(domain string) string {
	s := in.Directory.Snapshot()
	for domain != "" {
		if _, ok := s.Domain(domain); ok {
			return domain
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return ""
}
