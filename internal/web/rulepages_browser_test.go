package web

import (
	"context"
	"sync"
	"testing"

	"gatepost/internal/directory"
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
	return OwnBook{RuleBook: RuleBook{Book: b, Folders: []string{"INBOX", "Work"}}, Script: "rules"}, err
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

// A waysShelf has rules of example.org alone.
type waysShelf struct {
	mu    sync.Mutex
	rules directory.Rules
}

// Rules implements DomainRules.
func (s *waysShelf) Rules(_ context.Context, domain string) (string, directory.Rules, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if domain != "example.org" {
		return "", directory.Rules{}, ErrNoDomain
	}
	return domain, s.rules, nil
}

// Check implements DomainRules.
func (*waysShelf) Check(directory.Direction, string) []RuleFault { return nil }

// SetRules implements DomainRules.
func (s *waysShelf) SetRules(_ context.Context, _ string, way directory.Direction, _, text, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rules.Set(way, text)
}

// Book implements DomainRules.
func (*waysShelf) Book(way directory.Direction, text string) (*rulebook.Book, error) {
	return rulebook.ReadFor(text, rulebook.Acts{File: way != directory.Out})
}

// ChangeRules implements DomainRules.
func (s *waysShelf) ChangeRules(_ context.Context, _ string, way directory.Direction, _ string, change func(*rulebook.Book) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.Book(way, s.rules.Of(way))
	if err == nil {
		err = change(b)
	}
	if err != nil {
		return err
	}
	text, err := b.Script()
	if err != nil {
		return err
	}
	return s.rules.Set(way, text)
}

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

// looked has axe look at a page, which is no wider than the window.
func looked(t *testing.T, tab *chromium.Tab) {
	t.Helper()
	tab.Accessible()
	if width := chromium.Eval[float64](tab, `document.documentElement.scrollWidth - window.innerWidth`); width > 0 {
		t.Errorf("the page is %v px wider than the window", width)
	}
}

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
			tab.Go(s.url + "/mailbox/rules")
			tab.Focused("#name")
			tab.Press("ann@example.org\tsecret of ann@example.org\r")
			tab.See(tt.title)
			looked(t, tab)
			tab.Shoot("rules " + name)
			tab.Click(`a[href="/mailbox/rules/edit"]`)
			tab.See(tt.add)
			tab.Type("#values-1", "Lunch")
			tab.Click(`button.primary`)
			tab.See(tt.wrong)
			looked(t, tab)
			tab.Type("#file", "Work")
			tab.Press("\r") // saves, though the first button to be seen asks for more conditions
			tab.See(tt.saved)
			tab.See(tt.one)
			tab.Click(`td.main a[href*="rule="]`)
			tab.Has("#values-3")
			looked(t, tab)
			tab.Shoot("rule " + name)
		})
	}
}

// The admin of a domain adds a rule by the keyboard, with the body and a folder, and sees what no form can say as a script; axe
// finds nothing serious, in either language, on a phone.
func TestDomainRulesInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	for name, tt := range map[string]struct {
		o                               chromium.Options
		title, way, wrong, saved, spell string
	}{
		"desktop": {chromium.Options{}, "Rules of a domain", "Mail from others", "Say what is to be done", "The rule is saved.", "text of the message contains “casino”"},
		"phone": {chromium.Options{Size: chromium.Phone, Dark: true, Language: "fr"},
			"Règles d’un domaine", "Courrier reçu", "Dites ce qu’il faut faire", "La règle est enregistrée.", "texte du message contient «\u00a0casino\u00a0»"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.o.Allowed = []string{"422"}
			shelf := &waysShelf{rules: directory.Rules{Local: "require [\"copy\", \"regex\", \"fileinto\"];\n# rule:[Invoices]\nif header :contains \"subject\" [\"invoice\", \"reminder\"] {\n\tredirect :copy \"accounts@example.org\";\n\tfileinto \"Invoices\";\n}\nif header :regex \"subject\" \"^\\\\[club\\\\] .*$\" { discard; }\n"}}
			_, s := live(t, Config{Rules: shelf})
			tab := chromium.Open(t, tt.o)
			tab.Go(s.url + "/rules?domain=example.org")
			tab.Focused("#name")
			tab.Press("adam\tsecret of adam\r")
			tab.See(tt.title)
			looked(t, tab)
			tab.Shoot("domain rules " + name)
			tab.Click(`a[href="/rules/edit?domain=example.org&way=in"]`)
			tab.See(tt.way)
			tab.Type("#values-1", "casino")
			tab.Click(`button.primary`)
			tab.See(tt.wrong)
			looked(t, tab)
			tab.Shoot("domain rule " + name)
			chromium.Eval[any](tab, `document.querySelector("#field-1").value = "body"`)
			tab.Type("#file", "Games")
			tab.Press("\r")
			tab.See(tt.saved)
			tab.See(tt.spell)
			tab.Click(`#way-in summary`)
			looked(t, tab)
			_, kept, _ := shelf.Rules(t.Context(), "example.org")
			if got := chromium.Eval[string](tab, `document.querySelector("#text-in").value`); got != kept.In {
				t.Errorf("the script is %q, want %q", got, kept.In)
			}
			tab.Shoot("domain rules saved " + name)
		})
	}
}
