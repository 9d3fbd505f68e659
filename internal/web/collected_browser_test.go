package web

import (
	"context"
	"testing"
	"time"

	chromium "gatepost/test/browser"
)

// fewCollected has one account of each kind, and takes no other.
type fewCollected struct{ unused }

// unused are the methods that no test here calls.
type unused interface{ Collected }

// Collects implements Collected.
func (fewCollected) Collects(int64) bool { return true }

// Collected implements Collected.
func (fewCollected) Collected(context.Context, int64) ([]CollectedAccount, int, error) {
	form := CollectedForm{Address: "ann.muller@a-provider-with-a-long-name.example", Protocol: "imap", Server: "imap.a-provider-with-a-long-name.example", Port: "993", Security: "tls", User: "ann", Minutes: "15", Remove: "days", Days: "14"}
	old := CollectedForm{Address: "ann7", Protocol: "pop3", Server: "pop.old.example", Remove: "never", New: true}
	return []CollectedAccount{
		{CollectedForm: form, ID: 1, Own: true, Sends: "yes", Last: noon, Taken: 1234, Unfit: 2},
		{CollectedForm: form, ID: 2, Own: true, Sends: "no", Last: noon.Add(-time.Hour), Fault: "login", Said: `pop3: the server refused the log-in: "-ERR [AUTH] use a password for programs"`},
		{CollectedForm: form, ID: 3, Own: true, Paused: true, Last: noon, Taken: 1},
		{CollectedForm: old, ID: 4},
	}, 5, nil
}

// AddCollected implements Collected.
func (fewCollected) AddCollected(context.Context, int64, CollectedForm) error {
	return CollectedFault{Field: "server", What: "reach"}
}

// An owner looks at accounts elsewhere and fills one in; axe finds nothing serious on the pages, in either language, on a phone.
func TestCollectedInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	for name, tt := range map[string]struct {
		o                 chromium.Options
		title, add, wrong string
	}{
		"desktop": {chromium.Options{}, "Accounts elsewhere", "Add an account", "it is not a public one"},
		"phone":   {chromium.Options{Size: chromium.Phone, Dark: true, Language: "fr"}, "Comptes externes", "Ajouter un compte", "il n’est pas public"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.o.Allowed = []string{"422"}
			_, s := live(t, Config{Collected: fewCollected{}})
			tab := chromium.Open(t, tt.o)
			narrow := func() {
				t.Helper()
				tab.Accessible()
				if width := chromium.Eval[float64](tab, `document.documentElement.scrollWidth - window.innerWidth`); width > 0 {
					t.Errorf("the page is %v px wider than the window", width)
				}
			}
			tab.Go(s.url + "/mailbox/collected")
			tab.Focused("#name")
			tab.Press("ann@example.org\tsecret of ann@example.org\r")
			tab.See(tt.title)
			narrow()
			tab.Shoot("collected " + name)
			tab.Click(`a[href="/mailbox/collected/edit"]`)
			tab.See(tt.add)
			narrow()
			tab.Type("#address", "me@far.example")
			tab.Type("#server", "10.0.0.1")
			tab.Type("#password", "secret")
			tab.Press("\r")
			tab.See(tt.wrong)
			narrow()
			tab.Shoot("collected-edit " + name)
		})
	}
}
