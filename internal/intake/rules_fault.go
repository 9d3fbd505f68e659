package intake

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"mime"
	"strings"
	"time"

	"gatepost/internal/locale"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

//go:embed words
var texts embed.FS

// Words are the texts of letters to owners. They are safe for use by many goroutines.
type Words struct{ texts *locale.Catalog }

// NewWords reads the texts, which are part of the program.
func NewWords() (*Words, error) {
	files, err := fs.Sub(texts, "words")
	if err == nil {
		var c *locale.Catalog
		if c, err = locale.New(files, "en", "fr"); err == nil {
			return &Words{c}, nil
		}
	}
	return nil, fmt.Errorf("intake: %w", err)
}

// faultAgain is how long an owner hears nothing more of the same script's fault.
const faultAgain = 30 * 24 * time.Hour

// fault keeps the piece where it goes without rules, and tells the owner, once for each revision of
// his scripts.
func (in *Intake) fault(ctx context.Context, f *filed, revision int64, cause error) {
	p := f.mine
	why := strings.TrimPrefix(strings.TrimPrefix(cause.Error(), "scripts: "), "sieve: ")
	f.keep()
	f.step("fault", 0, "", "kept, as if there were none, since they could not run (%s),", clip(why))
	in.Log.Warn("rules of a mailbox could not run", "mailbox", p.box.Address, "id", p.tx, "error", cause)
	once := mailbox.Memory{Box: p.d.Box, ID: fmt.Sprintf("fault %d", revision), Time: in.Now(), Expires: in.Now().Add(faultAgain)}
	if known, err := in.Rules.Recalls(ctx, once.Box, once.ID, once.Time); known || err != nil || in.Words == nil {
		return
	}
	f.drafts = append(f.drafts, draft{letter: queue.Letter{To: p.box.Address, Content: in.Words.fault(p, in.Config.Hostname, why, in.Now()), Kind: "notice"}, once: once})
}

// fault tells the owner in his language what is wrong with his rules.
func (w *Words) fault(p *piece, hostname, why string, now time.Time) []byte {
	home, _ := p.snapshot.Domain(p.box.Address.Domain())
	lang := w.texts.Match(p.box.Language, home.Language)
	text := func(key string, args ...any) string { return w.texts.Text(lang, "fault."+key, args...) }
	b := fmt.Appendf(nil, "From: %s\r\n <mailer-daemon@%s>\r\n", mime.QEncoding.Encode("utf-8", text("from")), hostname)
	b = mail.AppendField(b, "To", "<"+string(p.box.Address)+">")
	b = mail.AppendField(b, "Subject", text("subject"))
	b = mail.AppendField(b, "Date", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	b = mail.AppendField(b, "Message-ID", "<"+mail.NewID(now)+"@"+hostname+">")
	b = mail.AppendField(b, "Auto-Submitted", "auto-generated")
	b = mail.AppendField(b, "Content-Language", lang)
	b = append(b, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"...)
	lines := []string{text("happened"), text("mend"), ""}
	for line := range strings.SplitSeq(clip(why), "\n") {
		lines = append(lines, "    "+strings.ToValidUTF8(strings.TrimSpace(line), "?"))
	}
	subject := clip(strings.Join(strings.Fields(p.served.Header().Text("Subject")), " "))
	for _, line := range append(lines, "", text("about", subject)) {
		b = append(b, line+"\r\n"...)
	}
	return b
}
