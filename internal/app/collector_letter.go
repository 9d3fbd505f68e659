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
	parts := []string{text("state", a.Failing.UTC().Format("2006-01-02 15:04 UTC"), a.User, a.Address, to)}
	said, advice := a.Fault, text("advice", a.Name)
	if a.Owned { // who chooses servers hears nothing of where their names lead within the node's network
		var why string
		why, said = collectedFault(*a)
		if advice = text("advice.own"); why == "shut" { // with it the page went
			advice = text("advice.shut")
		}
	}
	if said != "" {
		parts = append(parts, text("said", said))
	}
	return head.Plain(strings.Join(append(parts, text("safe"), advice), "\n\n") + "\n")
}
