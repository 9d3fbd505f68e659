package app

import (
	"strings"
	"time"

	"gatepost/internal/collector"
	"gatepost/internal/letter"
	"gatepost/internal/mail"
)

// uncollected tells an owner that mail is not fetched any more from his account elsewhere. It is from
// the postmaster of his domain.
func (l letters) uncollected(wish string, to mail.Path, a *collector.Account, hostname string, now time.Time) []byte {
	lang := l.texts.Match(wish)
	text := func(key string, args ...any) string { return l.texts.Text(lang, "collector."+key, args...) }
	head := letter.Letter{
		ID: mail.NewID(now), Host: hostname, FromName: text("from", to.Domain()), From: mail.Path("postmaster@" + to.Domain()), To: to,
		Subject: text("subject", a.Address), Language: lang, Time: now.UTC(),
	}
	return head.Plain(strings.Join([]string{
		text("state", a.Failing.UTC().Format("2006-01-02 15:04 UTC"), a.User, a.Address, to), text("said", a.Fault), text("safe"), text("advice", a.Name),
	}, "\n\n") + "\n")
}
