package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/letter"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

// fault lets a recipient's message go on as if the rules of a domain were none, and tells those who look after the
// domain: its postmaster, once for each text of the rules.
func (c *court) fault(ctx context.Context, r *recipient, l law, cause error) {
	in := c.t.in
	why := strings.TrimPrefix(cause.Error(), "sieve: ")
	r.order.steps = append(r.order.steps, ruleStep("fault", l.String(), 0, "kept, as if there were none, since they could not run ("+clip(why)+"),"))
	in.Log.Warn("rules of a domain could not run", "domain", l.domain.Name, "direction", l.way, "id", c.t.ID(), "error", cause)
	sum := sha256.Sum256([]byte(l.text()))
	now := in.Now()
	once := mailbox.Memory{ID: fmt.Sprintf("fault %d %s %s", l.domain.ID, l.way, hex.EncodeToString(sum[:16])), Time: now, Expires: now.Add(faultAgain)}
	if in.Words == nil || slices.ContainsFunc(c.p.drafts, func(d draft) bool { return d.once.ID == once.ID }) {
		return
	}
	if known, err := in.Rules.Recalls(ctx, once.Box, once.ID, once.Time); known || err != nil {
		return
	}
	to := mail.Path("postmaster@" + l.domain.Name)
	content := in.Words.lawFault(l, to, in.config().Hostname, why, c.p.m.Header().Text("Subject"), now)
	c.p.drafts = append(c.p.drafts, draft{letter: queue.Letter{To: to, Content: content, Kind: "notice"}, once: once})
}

// lawFault tells a domain's postmaster, in the domain's language, what is wrong with its rules.
func (w *Words) lawFault(l law, to mail.Path, hostname, why, subject string, now time.Time) []byte {
	lang := w.texts.Match(l.domain.Language)
	text := func(key string, args ...any) string { return w.texts.Text(lang, "fault."+key, args...) }
	way := text("domain." + string(l.way))
	head := letter.Letter{
		ID: mail.NewID(now), FromName: text("from"), From: mail.Path("mailer-daemon@" + hostname), To: to,
		Subject: text("domain.subject", l.domain.Name), Language: lang, Time: now.UTC(),
	}
	return head.Plain(faultText(text, text("domain.happened", l.domain.Name, way), why, subject))
}
