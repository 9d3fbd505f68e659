package app

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/test/browser"
)

// TestSendersPage: an admin keeps the servers and devices of his domains, and has none send as another's; what takes an operator, and
// what is another's, he is refused without being told whose it is.
func TestSendersPage(t *testing.T) {
	n := openPages(t)
	ann, adam, hanna, olga := n.logIn("ann@test.example"), n.logIn("adam"), n.logIn("hanna"), n.logIn("olga")
	_, _, err := n.directory.AddSender(t.Context(), directory.Sender{Name: "erp@other.example", Also: []string{"test.example"}, Keys: []string{strings.Repeat("ab", 32)}}, true)
	n.must(err)
	_, _, err = n.directory.AddSender(t.Context(), directory.Sender{Name: "fax@other.example"}, true)
	n.must(err)
	scanner := func() directory.Sender {
		s, _ := n.directory.Snapshot().Sender("scanner@test.example")
		return s
	}
	add := func(v *visitor, more ...string) (int, string) { return v.post("/account", "/senders/add", more...) }
	change := func(v *visitor, more ...string) (int, string) {
		return v.post("/account", "/senders/change", append([]string{"name", "scanner@test.example"}, more...)...)
	}

	ann.wants("an owner")(ann.get("/senders"))(403)
	adam.wants("what sends as his domain")(adam.get("/senders"))(200, "erp@other.example", "-fax@", "-/senders/one", `href="/senders/new"`)
	hanna.wants("helpdesk looks")(hanna.get("/senders"))(200, "erp@other.example", "-/senders/new")
	hanna.wants("and adds none")(add(hanna, "name", "scanner@test.example", "login", "new"))(403)
	adam.wants("not another's page")(adam.get("/senders/one?name=erp@other.example"))(404)
	adam.wants("the form")(adam.get("/senders/new"))(200, `action="/senders/add"`, "Make a password")

	for what, c := range map[string]struct {
		form []string
		want string
	}{
		"no name":              {[]string{"login", "new"}, "the form of an address"},
		"another's domain":     {[]string{"name", "scanner@other.example", "login", "new"}, "not one of yours"},
		"no domain of here":    {[]string{"name", "scanner@no.example", "login", "new"}, "not one of yours"},
		"a mailbox's name":     {[]string{"name", "ann@test.example", "login", "new"}, "another sender has this name"},
		"nothing tells":        {[]string{"name", "scanner@test.example"}, "Nothing tells who it is"},
		"also another's":       {[]string{"name", "scanner@test.example", "login", "new", "also", "other.example"}, "or not yours"},
		"no network":           {[]string{"name", "scanner@test.example", "networks", "192.0.2.7 here"}, "strangers send from there"},
		"everybody's network":  {[]string{"name", "scanner@test.example", "networks", "0.0.0.0/0"}, "only operators"},
		"a wide network":       {[]string{"name", "scanner@test.example", "networks", "10.0.0.0/8"}, "only operators"},
		"this machine":         {[]string{"name", "scanner@test.example", "networks", "127.0.0.1"}, "only operators"},
		"no certificate":       {[]string{"name", "scanner@test.example", "keys", "my certificate"}, "no certificate in PEM"},
		"another's key":        {[]string{"name", "scanner@test.example", "keys", strings.Repeat("ab", 32)}, "Another sender has one of these"},
		"a network's middle":   {[]string{"name", "scanner@test.example", "networks", "192.0.2.7/28"}, "strangers send from there"},
		"text stays as it was": {[]string{"name", "scanner@test.example", "networks", "192.0.2.7 <b>"}, "192.0.2.7 &lt;b&gt;"},
	} {
		adam.wants(what)(add(adam, c.form...))(422, c.want, "-erp@other.example")
	}
	if scanner().ID != 0 {
		t.Fatalf("added: %+v", scanner())
	}
	adam.wants("added")(add(adam, "name", " Scanner@test.example", "networks", "192.0.2.7, 192.0.2.16/28", "keys", strings.Repeat("CD:", 31)+"CD"))(200, "scanner@test.example</bdi>", "192.0.2.16/28", "1 certificate", "-certificates<")
	adam.wants("once")(add(adam, "name", "scanner@test.example", "login", "new"))(422, "another sender has this name")
	if s := scanner(); s.SCRAM != "" || len(s.Networks) != 2 || !slices.Equal(s.Keys, []string{strings.Repeat("cd", 32)}) {
		t.Errorf("added: %+v", s)
	}

	status, body := change(adam, "login", "new", "networks", "192.0.2.8")
	adam.wants("a password, once")(status, body)(200, "shown only now", "192.0.2.8", "Keep its password")
	password := regexp.MustCompile(`<code>([^<]+)</code>`).FindStringSubmatch(body)
	if len(password) != 2 {
		t.Fatalf("no password in %s", body)
	}
	logsIn := func() bool {
		_, err := n.directory.AuthenticateSubmission(t.Context(), "scanner@test.example", password[1])
		return err == nil
	}
	if !logsIn() || len(scanner().Keys) != 0 || len(scanner().Networks) != 1 {
		t.Errorf("changed: %+v", scanner())
	}
	adam.wants("not again")(adam.get("/senders/one?name=scanner@test.example"))(200, "-"+password[1], "192.0.2.8")
	adam.wants("kept, and off")(change(adam, "login", "keep", "networks", "192.0.2.8", "off", "yes"))(200, "switched off")
	if logsIn() || !scanner().Off {
		t.Error("it is not off")
	}
	adam.wants("on")(change(adam, "login", "keep", "networks", "192.0.2.8"))(200, "-switched off")
	if !logsIn() {
		t.Error("its password is gone")
	}
	olga.wants("an operator's")(change(olga, "login", "none", "networks", "10.0.0.0/8", "also", "other.example"))(200, "10.0.0.0/8", "other.example")
	if logsIn() {
		t.Error("its password is left")
	}
	adam.wants("no other wide one")(change(adam, "networks", "172.16.0.0/12", "also", "other.example"))(422, "only operators")
	adam.wants("stays, by which it is known")(change(adam, "networks", "10.0.0.0/8", "also", "other.example", "off", "yes"))(200, "10.0.0.0/8", "switched off")
	adam.wants("stays beside his own")(change(adam, "networks", "10.0.0.0/8 192.0.2.9"))(200, "192.0.2.9")
	hanna.wants("not hers")(hanna.post("/account", "/senders/remove", "name", "scanner@test.example"))(403)
	adam.wants("not another's")(adam.post("/account", "/senders/remove", "name", "erp@other.example"))(404)
	adam.wants("nor changed")(adam.post("/account", "/senders/change", "name", "erp@other.example", "login", "new"))(404)
	adam.wants("some")(adam.get("/senders?name=SCAN"))(200, "scanner@", "-erp@")
	adam.wants("removed")(adam.post("/account", "/senders/remove", "name", "scanner@test.example"))(200, "scanner@test.example is removed.", "-/senders/one")
	adam.wants("once")(adam.post("/account", "/senders/remove", "name", "scanner@test.example"))(404)
	olga.wants("in French")(olga.post("/account", "/account/language", "language", "fr"))(200)
	for _, page := range []string{"/senders", "/senders/new", "/senders/one?name=erp@other.example"} {
		if status, body := olga.get(page); status != 200 || regexp.MustCompile(`senders\.[a-z.]+`).MatchString(body) {
			t.Errorf("%s: %d, %s", page, status, body)
		}
	}
}

// TestSendersForeign: to a sender that sends as another's domain, too, an admin gives nothing by which he could send as that himself; he
// takes from it, and once the domain is gone it is all his.
func TestSendersForeign(t *testing.T) {
	n := openPages(t)
	adam, olga := n.logIn("adam"), n.logIn("olga")
	ab, cd := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	networks, err := n.senderNetworks([]string{"192.0.2.7", "192.0.2.8"})
	n.must(err)
	was, password, err := n.directory.AddSender(t.Context(), directory.Sender{Name: "erp@test.example", Also: []string{"other.example"}, Keys: []string{ab}, Networks: networks}, true)
	n.must(err)
	change := func(v *visitor, login, keys, networks, also string, more ...string) (int, string) {
		return v.post("/account", "/senders/change", append([]string{"name", "erp@test.example", "login", login, "keys", keys, "networks", networks, "also", also}, more...)...)
	}
	const both, one, other, refused = "192.0.2.7 192.0.2.8", "192.0.2.8", "other.example", "sends as domains that are not yours"
	erp := func() directory.Sender {
		s, _ := n.directory.Snapshot().Sender("erp@test.example")
		return s
	}

	adam.wants("offered no password")(adam.get("/senders/one?name=erp@test.example"))(200, refused, "Keep its password", "-Make a password")
	olga.wants("an operator is")(olga.get("/senders/one?name=erp@test.example"))(200, "-"+refused, "Make a password")
	adam.wants("a password")(change(adam, "new", ab, both, other))(422, refused, "-Make a password", "-shown only now")
	adam.wants("another key")(change(adam, "keep", ab+"\n"+cd, both, other))(422, refused)
	adam.wants("a key instead")(change(adam, "keep", cd, both, other))(422, refused)
	adam.wants("another network")(change(adam, "keep", ab, both+" 192.0.2.9", other))(422, refused)
	adam.wants("a network instead, and off")(change(adam, "none", ab, "192.0.2.9", other, "off", "yes"))(422, refused)
	if s := erp(); s.SCRAM != was.SCRAM || s.Off || !slices.Equal(s.Keys, was.Keys) || !slices.Equal(s.Networks, was.Networks) {
		t.Fatalf("changed: %+v, want %+v", s, was)
	}
	adam.wants("off, and less")(change(adam, "keep", "", one, other, "off", "yes"))(200, "switched off", "-192.0.2.7")
	adam.wants("what he took is new")(change(adam, "keep", ab, one, other))(422, refused)
	adam.wants("on")(change(adam, "keep", "", one, other))(200, "-switched off")
	if _, err := n.directory.AuthenticateSubmission(t.Context(), "erp@test.example", password); err != nil {
		t.Errorf("its password is gone: %v", err)
	}
	olga.wants("an operator gives one")(change(olga, "new", cd, one, other))(200, "shown only now")
	adam.wants("his own domains' alone")(change(adam, "new", ab, "192.0.2.9", ""))(200, "shown only now", "-"+refused)
	adam.wants("not the other again")(change(adam, "keep", ab, "192.0.2.9", other))(422, "or not yours")
	if s := erp(); len(s.Also) != 0 {
		t.Errorf("it sends as %v", s.Domains())
	}
	olga.wants("again")(change(olga, "keep", ab, "192.0.2.9", other))(200, other)
	adam.wants("removed")(adam.post("/account", "/senders/remove", "name", "erp@test.example"))(200, "erp@test.example is removed.")
}

// TestSendersBarred: what an operator has switched off, by the page or by a command, an admin of its domain neither switches on nor
// changes nor removes; what he has switched off himself, he does.
func TestSendersBarred(t *testing.T) {
	n := openPages(t)
	adam, olga := n.logIn("adam"), n.logIn("olga")
	_, _, err := n.directory.AddSender(t.Context(), directory.Sender{Name: "fax@test.example"}, true)
	n.must(err)
	fax := func() directory.Sender {
		s, _ := n.directory.Snapshot().Sender("fax@test.example")
		return s
	}
	change := func(v *visitor, off string) (int, string) {
		return v.post("/account", "/senders/change", "name", "fax@test.example", "login", "keep", "off", off)
	}
	const refused = "Only operators can switch it on"

	adam.wants("two choices")(adam.get("/senders/one?name=fax@test.example"))(200, "-"+refused, `type="checkbox" name="off"`, `-value="barred"`)
	adam.wants("his is off")(change(adam, "barred"))(200, "switched off", "-by an operator")
	olga.wants("an operator's change keeps it his")(change(olga, "yes"))(200, "-by an operator")
	adam.wants("on")(change(adam, ""))(200, "-switched off")

	olga.wants("three choices")(olga.get("/senders/one?name=fax@test.example"))(200, `value="barred"`)
	olga.wants("barred")(change(olga, "barred"))(200, "switched off by an operator")
	olga.wants("chosen already")(olga.get("/senders/one?name=fax@test.example"))(200, `value="barred" checked`, `action="/senders/change"`)
	for barred := range 2 {
		adam.wants("no form")(adam.get("/senders/one?name=fax@test.example"))(200, refused, "-/senders/change", "-/senders/remove")
		adam.wants("not on")(change(adam, ""))(422, refused)
		adam.wants("not less off")(change(adam, "yes"))(422, refused)
		adam.wants("not removed")(adam.post("/account", "/senders/remove", "name", "fax@test.example"))(422, refused)
		if s := fax(); !s.Off || !s.Barred || s.ID == 0 {
			t.Fatalf("it is %+v", s)
		}
		if barred == 0 {
			on, off := false, true
			_, err = n.setSender(t.Context(), ops.SenderSet{Name: "fax@test.example", Off: &on})
			n.must(err)
			adam.wants("a command has switched it on")(change(adam, ""))(200, "-switched off")
			_, err = n.setSender(t.Context(), ops.SenderSet{Name: "fax@test.example", Off: &off})
			n.must(err)
		}
	}
	olga.wants("on")(change(olga, ""))(200, "-switched off")
	adam.wants("removed")(adam.post("/account", "/senders/remove", "name", "fax@test.example"))(200, "fax@test.example is removed.")
}

// TestSendersLooks goes through the pages as TestQueueLooks does.
func TestSendersLooks(t *testing.T) {
	n := openPages(t)
	long := "a.scanner.with.a.name.as.long.as.names.of.machines.are@test.example"
	_, _, err := n.directory.AddSender(t.Context(), directory.Sender{Name: "erp@test.example", Keys: []string{strings.Repeat("ab", 32)}}, true)
	n.must(err)
	networks, err := n.senderNetworks([]string{"192.0.2.7", "2001:db8:1234:5678::/64"})
	n.must(err)
	_, _, err = n.directory.AddSender(t.Context(), directory.Sender{Name: "a.scanner.with.a.name.as.long.as.names.of.machines.are@test.example", Networks: networks, Off: true, Barred: true}, false)
	n.must(err)
	n.look("senders", map[string]string{"list": "/senders", "new": "/senders/new", "one": "/senders/one?name=erp@test.example", "barred": "/senders/one?name=" + long})
}

// look goes through pages as adam, on a screen and in French on a phone: pictures, accessibility, nothing wider than the window.
func (n *pagesNode) look(of string, pages map[string]string) {
	for name, o := range map[string]browser.Options{"en": {}, "fr-phone": {Size: browser.Phone, Language: "fr", Dark: true}} {
		n.t.Run(name, func(t *testing.T) {
			b := browser.Open(t, o)
			enter(b, n, "adam")
			for page, path := range pages {
				b.Go(n.url + path)
				b.Has("h1")
				b.Shoot(of + "-" + page + "-" + name)
				b.Accessible()
				if wide := browser.Eval[string](b, fmt.Sprintf(wider, cmp.Or(o.Size.Width, browser.Desktop.Width))); wide != "" {
					t.Errorf("%s is wider than the window: %s", page, wide)
				}
			}
		})
	}
}
