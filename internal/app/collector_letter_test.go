package app

import (
	"strings"
	"testing"
	"time"

	"gatepost/internal/collector"
)

func TestCollectorLetter(t *testing.T) {
	words, err := newLetters()
	if err != nil {
		t.Fatal(err)
	}
	a := &collector.Account{Settings: collector.Settings{Name: "old", Address: "pop.old.example:995", User: "ann7"}}
	a.Failing, a.Fault = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), "the server refused the log-in"
	for lang, want := range map[string][]string{
		"en": {"Subject: No mail is fetched from pop.old.example:995", "Since 2026-11-20 12:00 UTC", "account ann7 at pop.old.example:995 into your mailbox ann@test.example", "refused the log-in", "name is old"},
		"fr": {"Language: fr", "Depuis le 2026-11-20 12:00 UTC", "ann7 sur pop.old.example:995", "s’appelle old"},
	} {
		says(t, lang, letterOf(t, words.uncollected(lang, "ann@test.example", a, "mx.test.example", a.Failing)), want...)
	}
	a.Owned, a.Fault = true, "lookup pop.old.example on 10.0.0.7:53: no such host"
	own := letterOf(t, words.uncollected("en", "ann@test.example", a, "mx.test.example", a.Failing))
	says(t, "owner's", own, "Accounts elsewhere")
	if strings.Contains(own, "10.0.0.7") || strings.Contains(own, "name is old") {
		t.Errorf("an owner is told of the node's network:\n%s", own)
	}
	a.Fault = errNotCollected.Error() // there is no page any more
	for lang, want := range map[string]string{"en": "Ask whoever looks after it", "fr": "Adressez-vous"} {
		shut := letterOf(t, words.uncollected(lang, "ann@test.example", a, "mx.test.example", a.Failing))
		if says(t, lang, shut, want); strings.Contains(shut, words.texts.Text(lang, "collector.advice.own")[:20]) {
			t.Errorf("an owner is sent to a page that is not there:\n%s", shut)
		}
	}
}
