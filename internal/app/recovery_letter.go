package app

import (
	"strings"
	"time"

	"gatepost/internal/letter"
	"gatepost/internal/mail"
)

// account tells the owner of a mailbox what became of his account, or sends him a link. It is from the postmaster of
// the mailbox's domain. what is a key of the texts; detail stands in it.
func (l letters) account(wish string, box, to mail.Path, what, detail, link, hostname string, now time.Time) []byte {
	lang := l.texts.Match(wish)
	text := func(key string, args ...any) string { return l.texts.Text(lang, "account."+key, args...) }
	parts := []string{text(what, box, detail)}
	if link != "" {
		parts = append(parts, "    "+link)
	}
	parts = append(parts, text(what+".advice"))
	head := letter.Letter{
		ID: mail.NewID(now), Host: hostname, FromName: text("from", box.Domain()), From: mail.Path("postmaster@" + box.Domain()), To: to,
		Subject: text(what + ".subject"), Language: lang, Time: now.UTC(),
	}
	return head.Plain(strings.Join(parts, "\n\n") + "\n")
}
