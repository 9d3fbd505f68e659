package app

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"gatepost/internal/allowance"
	"gatepost/internal/letter"
	"gatepost/internal/locale"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

//go:embed words
var letterWords embed.FS

// letters words what the node writes to owners and postmasters, each in his language. It is safe
// for use by many goroutines.
type letters struct{ texts *locale.Catalog }

func newLetters() (letters, error) {
	files, err := fs.Sub(letterWords, "words")
	if err == nil {
		var texts *locale.Catalog
		if texts, err = locale.New(files, "en", "fr"); err == nil {
			return letters{texts}, nil
		}
	}
	return letters{}, fmt.Errorf("app: letters: %w", err)
}

// A quotaState is what the owner of a mailbox is told of how full it is.
type quotaState struct {
	to               mail.Path
	domain, hostname string
	whole            bool // it is all mailboxes of the domain together; to is its postmaster
	limit, there     mailbox.Usage
	refuses          bool
	kept             time.Duration // that deleted mail can be brought back
	now              time.Time
}

// quota tells how full a mailbox is, or a domain, and what to do. It is from the postmaster of the domain.
func (l letters) quota(wish string, s quotaState) []byte {
	lang, of, what := l.texts.Match(wish), string(s.to), "quota."
	if s.whole {
		of, what = mail.ShownDomain(s.domain), "quota.domain."
	}
	text := func(key string, args ...any) string { return l.texts.Text(lang, what+key, args...) }
	percent := s.limit.Share(s.there)
	state, over := "nearly", "soon"
	if percent >= 100 {
		state = "full"
	}
	if s.refuses {
		over = "never"
	}
	first := text(state, of, percent)
	if s.limit.Bytes > 0 {
		first += " " + text("octets", sizeText(lang, s.there.Bytes), sizeText(lang, s.limit.Bytes))
	}
	if s.limit.Messages > 0 {
		first += " " + text("messages", s.there.Messages, s.limit.Messages)
	}
	room := []string{text("room")}
	advice := []string{"empty", "sort", "expunge", "ask"}
	if s.whole {
		advice = []string{"empty", "large", "unused", "ask"}
	}
	for _, key := range advice {
		room = append(room, "- "+text("room."+key))
	}
	parts := []string{first, text(over), strings.Join(room, "\n")}
	if days := int(s.kept / (24 * time.Hour)); days > 0 {
		parts = append(parts, text("back", days))
	}
	head := letter.Letter{
		ID: mail.NewID(s.now), Host: s.hostname, FromName: l.texts.Text(lang, "quota.from", s.domain), From: mail.Path("postmaster@" + s.domain), To: s.to,
		Subject: text("subject", percent), Language: lang, Time: s.now.UTC(),
	}
	return head.Plain(strings.Join(parts, "\n\n") + "\n")
}

// stopped tells a domain's postmaster that a log-in may not send any more, and what to do. machine says
// that it is a sender without a person.
func (l letters) stopped(wish string, to, who mail.Path, machine bool, s allowance.Stop, hostname string) []byte {
	what, mend, password := "what", "mend", "mailbox set "+string(who)+" --password-stdin"
	if machine {
		what, mend, password = "machine", "mend.machine", "sender set "+string(who)+" --login"
	}
	lang := l.texts.Match(wish)
	text := func(key string, args ...any) string { return l.texts.Text(lang, "stop."+key, args...) }
	head := letter.Letter{
		ID: mail.NewID(s.Since), Host: hostname, FromName: text("from", who.Domain()), From: mail.Path("postmaster@" + who.Domain()), To: to,
		Subject: text("subject", who), Language: lang, Time: s.Since.UTC(),
	}
	return head.Plain(strings.Join([]string{
		text(what, who, s.Reason), "",
		text("sent"), "", "    gatepost submission show " + string(who), "",
		text(mend), "", "    gatepost " + password, "    gatepost submission resume " + string(who), "",
	}, "\n"))
}

// sizeText is a size for a person, in a language: in MiB from one up to some GiB.
func sizeText(lang string, n int64) string {
	text, unit := fmt.Sprintf("%.1f", float64(n)/(1<<10)), "Ki"
	switch {
	case n >= 10<<30:
		text, unit = fmt.Sprintf("%.1f", float64(n)/(1<<30)), "Gi"
	case n >= 1<<20:
		text, unit = fmt.Sprintf("%.2f", float64(n)/(1<<20)), "Mi"
	}
	if lang == "fr" {
		return strings.Replace(text, ".", ",", 1) + "\u00a0" + unit + "o"
	}
	return text + " " + unit + "B"
}
