package app

import (
	"strings"
	"time"

	"gatepost/internal/letter"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// A sendingLetter tells of who may send for whom: that somebody asks, or what came of it.
type sendingLetter struct {
	what  string // a key of the texts: "ask", "granted", "declined"
	by    string // who asks
	under string // the address that he would send under
	how   mailbox.Sending
	link  string // to the page where it is answered; "": there is none
}

// sending words it, from the postmaster of the receiver's domain.
func (l letters) sending(wish string, to mail.Path, s sendingLetter, hostname string, now time.Time) []byte {
	lang := l.texts.Match(wish)
	text := func(key string, args ...any) string { return l.texts.Text(lang, "sending."+key, args...) }
	var parts []string
	switch s.what {
	case "ask":
		parts = []string{text("ask."+string(s.how), s.by, s.under), text("ask.page")}
		if s.link != "" {
			parts = []string{parts[0], text("ask.link"), "    " + s.link}
		}
		parts = append(parts, text("ask.advice", int(mailbox.SendRequestFor/(24*time.Hour))))
	case "granted":
		parts = []string{text("granted."+string(s.how), s.under), text("granted.advice")}
	default:
		parts = []string{text("declined", s.under), text("declined.advice")}
	}
	head := letter.Letter{
		ID: mail.NewID(now), Host: hostname, FromName: text("from", to.Domain()), From: mail.Path("postmaster@" + to.Domain()), To: to,
		Subject: text(s.what+".subject", s.by, s.under), Language: lang, Time: now.UTC(),
	}
	return head.Plain(strings.Join(parts, "\n\n") + "\n")
}
