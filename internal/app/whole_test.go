package app

import (
	"fmt"
	"strings"
	"testing"

	"gatepost/internal/remote"
	"gatepost/mailbox"
)

// Folders of other servers get names that folders here can have, no two the same.
func TestPlaces(t *testing.T) {
	for _, c := range []struct{ name, list, want string }{
		{"Dovecot", `/ INBOX|/ Sent \Sent|/ Gel&APY-scht \Trash|/ Lists \Noselect|/ Lists/A`, `INBOX, Sent \Sent, Gelöscht \Trash, Lists/A`},
		{"Maildir++", `. INBOX|. Sent|. A.B|. A/B`, `INBOX, Sent, A/B, A_B`},
		{"Courier", `. INBOX|. INBOX.Sent|. INBOX.A.B`, `INBOX, Sent, A/B`},
		{"beneath the inbox, and beside", `/ INBOX|/ INBOX/A|/ B`, `INBOX, INBOX/A, B`},
		{"Gmail", `/ INBOX|/ [Gmail] \Noselect|/ [Gmail]/All Mail \All|/ [Gmail]/Starred \Flagged|/ [Gmail]/Sent Mail \Sent`, `INBOX, [Gmail]/Sent Mail \Sent`},
		{"two that are one", `. A/B|. A_B`, `A_B, A_B 2`},
		{"others' and shared ones", `/ INBOX|/ A|/ Shared/bob/B \Others|/ Groups/info/INBOX \Others`, `INBOX, A`},
		{"others' beside all beneath the inbox", `. INBOX|. INBOX.Sent|. user.bob \Others`, `INBOX, Sent`},
		{"flat", ` INBOX| a`, `INBOX, a`},
		{"no name here", `. a*b%|. \x|. a..b|. &bad|. ` + strings.Repeat("x", 900), `a_b_, _\x, a/_/b, &bad, ` + strings.Repeat("x", 200)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var list []remote.Listed
			for _, line := range strings.Split(c.list, "|") {
				delimiter, rest, _ := strings.Cut(line, " ")
				l := remote.Listed{Delimiter: delimiter, Name: rest}
				if at := strings.LastIndex(rest, ` \`); at >= 0 {
					l.Name, l.Attributes = rest[:at], []string{rest[at+1:]}
					l.Others = l.Has(`\Others`)
				}
				list = append(list, l)
			}
			var got []string
			for _, p := range placesOf(list) {
				got = append(got, strings.TrimSpace(p.Name+" "+p.Use))
				if _, err := mailbox.CleanName(p.Name); err != nil {
					t.Error(err)
				}
			}
			if text := strings.Join(got, ", "); text != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
		})
	}
}

func FuzzLocalName(f *testing.F) {
	for _, s := range []string{"INBOX", "Gel&APY-scht", "a.b", "\\x", "..", "&", "a*b", strings.Repeat("x.", 500)} {
		f.Add(s, ".", true)
		f.Add(s, "", false)
	}
	f.Fuzz(func(t *testing.T, name, delimiter string, beneath bool) {
		got := localName(remote.Listed{Name: name, Delimiter: delimiter}, beneath)
		if clean, err := mailbox.CleanName(got); err != nil || clean != got {
			t.Error(fmt.Sprintf("%q: %q", name, got), err)
		}
	})
}
