package web

import (
	"context"
	"sync"
	"testing"

	chromium "gatepost/test/browser"

	"gatepost/mailbox/rulebook"
)

// A shelf has one script.
type shelf struct {
	mu     sync.Mutex
	script string
}

// OwnRules implements OwnRules.
func (s *shelf) OwnRules(context.Context, int64) (OwnBook, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := rulebook.Read(s.script)
	return OwnBook{Book: b, Script: "rules", Folders: []string{"INBOX", "Work"}}, err
}

// ChangeOwnRules implements OwnRules.
func (s *shelf) ChangeOwnRules(_ context.Context, _ int64, change func(*rulebook.Book) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := rulebook.Read(s.script)
	if err == nil {
		err = change(b)
	}
	if err != nil {
		return err
	}
	s.script, err = b.Script()
	return err
}

// RunOwnRules implements OwnRules.
func (*shelf) RunOwnRules(context.Context, int64) error { return nil }

const shelved = `require ["fileinto", "regex", "spamtestplus", "relational", "comparator-i;ascii-numeric"];
# rule:[Invoices of the suppliers]
if anyof (header :contains "subject" ["invoice", "reminder"], not address :all :matches "from" "*@suppliers.example.org", size :over 10M) {
	fileinto "Work/Invoices";
	redirect :copy "books@example.org";
	stop;
}
# This is mine
if header :regex "subject" "^\\[club\\] .*$" { fileinto "Club"; }
# rule:[Surely spam]
if allof (false, spamtest :percent :value "ge" :comparator "i;ascii-numeric" "95") { discard; }
`

// An owner reads, adds and moves rules by the keyboard; on each page axe finds nothing serious, in either language, on a phone.
func TestOwnRulesInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	for name, tt := range map[string]struct {
		o                             chromium.Options
		title, add, wrong, saved, one string
	}{
		"desktop": {chromium.Options{}, "Rules for your mail", "New rule", "Say what is to be done", "The rule is saved.", "No. 4"},
		"phone": {chromium.Options{Size: chromium.Phone, Dark: true, Language: "fr"},
			"Règles pour votre courrier", "Nouvelle règle", "Dites ce qu’il faut faire", "La règle est enregistrée.", "N° 4"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.o.Allowed = []string{"422"}
			_, s := live(t, Config{OwnRules: &shelf{script: shelved}})
			tab := chromium.Open(t, tt.o)
			narrow := func() {
				t.Helper()
				tab.Accessible()
				if width := chromium.Eval[float64](tab, `document.documentElement.scrollWidth - window.innerWidth`); width > 0 {
					t.Errorf("the page is %v px wider than the window", width)
				}
			}
			tab.Go(s.url + "/mailbox/rules")
			tab.Focused("#name")
			tab.Press("ann@example.org\tsecret of ann@example.org\r")
			tab.See(tt.title)
			narrow()
			tab.Shoot("rules " + name)
			tab.Click(`a[href="/mailbox/rules/edit"]`)
			tab.See(tt.add)
			tab.Type("#values-1", "Lunch")
			tab.Click(`button.primary`)
			tab.See(tt.wrong)
			narrow()
			tab.Type("#file", "Work")
			tab.Press("\r") // saves, though the first button to be seen asks for more conditions
			tab.See(tt.saved)
			tab.See(tt.one)
			tab.Click(`td.main a[href*="rule="]`)
			tab.Has("#values-3")
			narrow()
			tab.Shoot("rule " + name)
		})
	}
}
