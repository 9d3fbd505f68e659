package intake

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"gatepost/internal/letter"
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
	f.drafts = append(f.drafts, draft{letter: queue.Letter{To: p.box.Address, Content: in.Words.fault(p, in.config().Hostname, why, in.Now()), Kind: "notice"}, once: once})
}

// fault tells the owner in his language what is wrong with his rules.
func (w *Words) fault(p *piece, hostname, why string, now time.Time) []byte {
	home, _ := p.snapshot.Domain(p.box.Address.Domain())
	lang := w.texts.Match(p.box.Language, home.Language)
	text := func(key string, args ...any) string { return w.texts.Text(lang, "fault."+key, args...) }
	head := letter.Letter{ID: mail.NewID(now), FromName: text("from"), From: mail.Path("mailer-daemon@" + hostname), To: p.box.Address, Subject: text("subject"), Language: lang, Time: now.UTC()}
	return head.Plain(faultText(text, text("happened"), why, p.served.Header().Text("Subject")))
}

// faultText says what happened to a message, why, and with which one.
func faultText(text func(key string, args ...any) string, happened, why, subject string) string {
	lines := []string{happened, text("mend"), ""}
	for line := range strings.SplitSeq(clip(why), "\n") {
		lines = append(lines, "    "+strings.ToValidUTF8(strings.TrimSpace(line), "?"))
	}
	lines = append(lines, "", text("about", clip(strings.Join(strings.Fields(subject), " "))))
	return strings.Join(lines, "\n") + "\n"
}
