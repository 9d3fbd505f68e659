package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"gatepost/test/browser"
	"gatepost/test/machine"
)

// logIn has somebody log in to the pages.
func logIn(tab *browser.Tab, m *machine.Machine, name, secret string) {
	tab.Go("http://" + m.Web + "/login")
	tab.Type("#name", name)
	tab.Type("#password", secret)
	tab.Press(kb.Enter)
	tab.See(name)
}

// pages is a machine with spam held for ann, and people who log in to its pages.
func pages(t *testing.T) (m *machine.Machine, ann string) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	m = prepare(t, releaseConfig, flowZone)
	m.Sets = append(m.Sets, "web.url=http://"+m.Web)
	ann = domain(t, m, "test.example", "--challenge", "off")
	run(t, m, password, "admin", "add", "olga", "--role", "operator")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	return m, ann
}

// An owner finds a message, reads it and has it delivered, on a phone: it is in the inbox
// then, for a mail program.
func TestPagesOwner(t *testing.T) {
	t.Parallel()
	m, ann := pages(t)
	id := holdOne(t, m, "Kitchen offer", "Dear Ann, the sink is in stock.", ann)
	holdOne(t, m, "Something else", "x", ann)
	tab := browser.Open(t, browser.Options{Size: browser.Phone})
	logIn(tab, m, ann, password)
	tab.Go("http://" + m.Web + "/quarantine")
	tab.Type("#text", "kitchen")
	tab.Press(kb.Enter)
	until(t, 10*time.Second, "the search's page is there", func() bool { return strings.Contains(tab.At(), "text=kitchen") })
	tab.See("Kitchen offer") // stood on the page before, too
	if strings.Contains(tab.Text(), "Something else") {
		t.Error("the search shows what it was not asked for")
	}
	tab.Click("td.main a")
	tab.Has("iframe")
	tab.Accessible()
	tab.Shoot("owner-message-phone")
	tab.Click(`form[action$="/release"] button.primary`)
	tab.Has(".notice--good")
	tab.Accessible()
	until(t, 20*time.Second, "the message is in the inbox", func() bool { return len(withSubject(box(t, m, ann, "INBOX"), "Kitchen offer")) == 1 })
	if s := heldState(t, m, id); s != "released" {
		t.Errorf("it is %s", s)
	}
}

// An operator releases all messages that a search finds, in one go, those of further pages too.
func TestPagesBulk(t *testing.T) {
	t.Parallel()
	m, ann := pages(t)
	const many = 150
	for n := range many {
		mailFrom(t, m, goodClient, sender, note(fmt.Sprintf("Newsletter %d", n), "a pest"), ann).id(t)
	}
	kept := holdOne(t, m, "Other", "x", ann)
	tab := browser.Open(t, browser.Options{})
	logIn(tab, m, "olga", password)
	tab.Go("http://" + m.Web + "/quarantine?subject=newsletter&filter=keywords")
	tab.See("Newsletter 149")
	tab.Click("input[name=all]")
	tab.Click("button[name=act][value=release]")
	tab.See("150")
	tab.Shoot("bulk-confirm")
	tab.Accessible()
	tab.Click(".confirm button.primary")
	tab.Has("[role=status]")
	tab.See("150")
	tab.Shoot("bulk-done")
	tab.Accessible()
	until(t, time.Minute, "all are in the inbox", func() bool { return len(box(t, m, ann, "INBOX")) == many })
	if s := heldState(t, m, kept); s != "held" {
		t.Errorf("what was not selected is %s", s)
	}
}

// Every page is looked at as the demo shows it, in the languages, lights and sizes that
// people have; `make screenshots` keeps the pictures.
func TestPagesLook(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	m, err := machine.New(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m.Serve = "demo"
	t.Cleanup(m.Kill)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, 30*time.Second, "the demo tells what to do", func() bool { return strings.Contains(m.Output.String(), "Ctrl-C ends it.") })
	run(t, m, "", "ban", "add", "203.0.113.9", "--for", "2d", "--note", "floods us since Tuesday; their administrator was written to and has not answered yet")
	run(t, m, "", "ban", "add", "2001:db8:1:2::/48")
	for _, r := range asked[[]row](t, m, "journal", "search", "--recipient", "ann@demo.example", "--state", "delivered") {
		run(t, m, "", "complaints", "add", "--id", r.ID, "--recipient", r.Recipient)
	}
	run(t, m, "", "share", "ask", "bob@demo.example", "ann@demo.example", "--send", "as")
	run(t, m, "", "share", "ask", "ann@demo.example", "cy@demo.example")
	request := asked[[]row](t, m, "share", "requests", "--owner", "ann@demo.example")[0].ID
	for name, o := range map[string]struct {
		who   string
		pages []string
		browser.Options
	}{
		"operator":      {"olga", []string{"quarantine", "quarantine/filters", "lists", "bans", "ban", "complaints", "account", "settings", "programs?mailbox=ann@demo.example", "rules?domain=demo.example", "keys", "messages", "node"}, browser.Options{}},
		"operator-dark": {"olga", []string{"quarantine", "lists", "bans", "complaints", "rules?domain=demo.example"}, browser.Options{Dark: true, Language: "fr"}},
		"owner-phone":   {"ann@demo.example", []string{"quarantine", "lists", "account", "account/recovery", "settings", "programs", "mailbox", "mailbox/shares", "mailbox/shares/requests/" + request, "mailbox/passwords", "mailbox/deleted", "mailbox/addresses", "messages"}, browser.Options{Size: browser.Phone, Language: "fr"}},
	} {
		t.Run(name, func(t *testing.T) {
			tab := browser.Open(t, o.Options)
			tab.Go("http://" + m.Web + "/login")
			tab.Shoot(name + "-login")
			tab.Accessible()
			tab.Go("http://" + m.Web + "/lost")
			tab.Has("h1")
			tab.Shoot(name + "-lost")
			tab.Accessible()
			logIn(tab, m, o.who, "demo-password")
			for _, page := range o.pages {
				tab.Go("http://" + m.Web + "/" + page)
				tab.Has("h1")
				tab.Shoot(name + "-" + strings.NewReplacer("/", "-", "?mailbox=ann@demo.example", "", "?domain=demo.example", "", request, "one").Replace(page))
				tab.Accessible()
			}
			tab.Go("http://" + m.Web + "/quarantine")
			tab.Click("td.main a")
			tab.Has("iframe")
			tab.Shoot(name + "-message")
			tab.Accessible()
		})
	}
}
