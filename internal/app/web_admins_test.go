package app

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"gatepost/internal/access"
	"gatepost/internal/directory"
	"gatepost/internal/web"
	"gatepost/test/browser"
)

// TestAdminsPage: an operator lists admins, adds, changes, suspends and removes them, with his own password; what is done holds at once and
// is noted. Nobody does it to himself, and nobody else does it at all.
func TestAdminsPage(t *testing.T) {
	n := openPages(t)
	olga, adam, hanna := n.logIn("olga"), n.logIn("adam"), n.logIn("hanna")
	do := func(v *visitor, act string, pairs ...string) (int, string) {
		t.Helper()
		return v.post("/account", "/admins/"+act, append(pairs, "confirm", pagesPassword)...)
	}
	get := func(name string) directory.Admin {
		a, _ := n.directory.Snapshot().Admin(name)
		return a
	}
	olga.wants("all")(olga.get("/admins"))(200, "/admins/one?name=adam", "/admins/one?name=olga", "Helpdesk", "test.example", "All that the role may", `href="/admins" aria-current`)
	olga.wants("log-ins are told")(olga.get("/admins/one?name=adam"))(200, "127.0.0.1", "-None in the last")
	olga.wants("of who never came")(olga.get("/admins/one?name=rosa"))(200, "None in the last 90 days", "-127.0.0.1")
	olga.wants("some")(olga.get("/admins?name=ADA"))(200, "name=adam", "-name=hanna")
	olga.wants("of a domain")(olga.get("/admins?name=Test.example"))(200, "name=adam", "name=hanna", "-name=olga")
	olga.wants("none")(olga.get("/admins?name=nobody"))(200, "There is nobody of that name")
	olga.wants("nobody")(olga.get("/admins/one?name=nobody"))(404)
	adam.wants("not his")(adam.get("/admins"))(403)
	adam.wants("no way to it")(adam.get("/account"))(200, `-href="/admins"`)
	adam.wants("nor so")(do(adam, "change", "name", "hanna", "role", "operator"))(403)

	vera := []string{"name", "Vera", "role", "helpdesk", "domains", "test.example\r\nOther.example", "rights", "some"}
	status, body := do(olga, "add", append(vera, "right", "held.release", "right", "queue.view", "right", "nothing", "language", "fr")...)
	olga.wants("added")(status, body)(200, "shown only now", "vera</bdi>", `value="held.release" checked`)
	password := regexp.MustCompile(`<code>([^<]+)</code>`).FindStringSubmatch(body)
	if len(password) != 2 {
		t.Fatalf("no password in %s", body)
	}
	if a := get("vera"); a.Role != directory.Helpdesk || !slices.Equal(a.Domains, []string{"other.example", "test.example"}) || !slices.Equal(a.Rights, []string{"held.release", "queue.view"}) || a.Language != "fr" {
		t.Errorf("added: %+v", a)
	}
	if _, err := n.directory.AuthenticateAdmin(t.Context(), "vera", password[1]); err != nil {
		t.Errorf("the password: %v", err)
	}
	olga.wants("not again")(olga.get("/admins/one?name=vera"))(200, "-"+password[1], "None in the last 90 days")
	olga.wants("listed")(olga.get("/admins"))(200, "2 chosen", "Release held messages", "-"+password[1])

	hanna.wants("in")(hanna.get("/account"))(200, "Helpdesk")
	olga.wants("suspended")(do(olga, "change", "name", "HANNA", "role", "helpdesk", "domains", "test.example", "rights", "all", "suspended", "yes"))(200, "hanna is saved", "suspended")
	hanna.wants("out")(hanna.get("/account"))(200, `action="/login"`)
	olga.wants("changed")(do(olga, "change", "name", "hanna", "role", "reader", "domains", "other.example", "rights", "some", "right", "message.view"))(200, "hanna is saved")
	if a := get("hanna"); a.Role != directory.Reader || a.State != directory.Active || !slices.Equal(a.Domains, []string{"other.example"}) || !slices.Equal(a.Rights, []string{"message.view"}) {
		t.Errorf("changed: %+v", a)
	}
	status, body = do(olga, "change", "name", "hanna", "role", "reader", "domains", "other.example", "rights", "all", "password", "new")
	olga.wants("a new password")(status, body)(200, "shown only now", `value="all" checked`)
	hanna = n.stranger()
	hanna.wants("the old one")(hanna.post("/login", "/login", "name", "hanna", "password", pagesPassword))(422)
	password = regexp.MustCompile(`<code>([^<]+)</code>`).FindStringSubmatch(body)
	hanna.wants("the new one")(hanna.post("/login", "/login", "name", "hanna", "password", password[1]))(200, `-action="/login"`)
	olga.wants("an operator")(do(olga, "change", "name", "hanna", "role", "operator", "domains", "other.example", "rights", "some", "right", "queue.view"))(200, "hanna is saved")
	if a := get("hanna"); a.Role != directory.Operator || len(a.Domains)+len(a.Rights) > 0 {
		t.Errorf("an operator: %+v", a)
	}
	olga.wants("removed")(do(olga, "remove", "name", "hanna"))(200, "hanna is removed.", "-/admins/one?name=hanna")
	olga.wants("once")(do(olga, "remove", "name", "hanna"))(404)
	wantNotes(t, n.App, "hanna", "added helpdesk", "domains test.example", "suspended ", "active ", "rights reader: message.view", "domains other.example", "rights reader", "password ", "rights operator", "removed operator")
	olga.wants("in French")(olga.post("/account", "/account/language", "language", "fr"))(200)
	for _, page := range []string{"/admins", "/admins/new", "/admins/one?name=vera", "/admins/one?name=olga"} {
		if status, body := olga.get(page); status != http.StatusOK || regexp.MustCompile(`admins\.[a-z.]+`).MatchString(body) {
			t.Errorf("%s: %d, %s", page, status, body)
		}
	}
}

// TestAdminsPageRefuses: what can't be is told at its field, and nothing is done.
func TestAdminsPageRefuses(t *testing.T) {
	n := openPages(t)
	olga := n.logIn("olga")
	before := fmt.Sprint(n.directory.Snapshot().Admins())
	is := func(pairs ...string) []string {
		return append(pairs, "confirm", pagesPassword)
	}
	for what, c := range map[string]struct {
		act   string
		pairs []string
		text  string
	}{
		"no name":            {"add", is("role", "operator"), "A name has 1 to 64"},
		"a bad name":         {"add", is("name", "a b", "role", "operator"), "A name has 1 to 64"},
		"a name that is":     {"add", is("name", "ADAM", "role", "operator"), "by this name already"},
		"a mailbox":          {"add", is("name", "ann@test.example", "role", "operator"), "by this name already"},
		"no role":            {"add", is("name", "vera"), "Choose a role"},
		"an owner":           {"add", is("name", "vera", "role", "owner"), "Choose a role"},
		"no domain":          {"add", is("name", "vera", "role", "admin", "domains", " \r\n", "rights", "all"), "at least one domain"},
		"no such domain":     {"add", is("name", "vera", "role", "admin", "domains", "test.example <b>", "rights", "all"), "The domain <b> is not on this server"},
		"no right":           {"change", is("name", "adam", "role", "admin", "domains", "test.example", "rights", "some"), "at least one right"},
		"not said which":     {"change", is("name", "adam", "role", "admin", "domains", "test.example"), "at least one right"},
		"an unknown right":   {"change", is("name", "adam", "role", "admin", "domains", "test.example", "rights", "some", "right", "node.reload"), "at least one right"},
		"more than the role": {"change", is("name", "rosa", "role", "reader", "domains", "test.example", "rights", "some", "right", "held.view", "right", "queue.change"), "does not have the right “Try what waits now"},
		"a bad language":     {"change", is("name", "rosa", "role", "reader", "domains", "test.example", "language", "e\n", "rights", "all"), "can’t be kept so"},
		"no password":        {"change", []string{"name", "rosa", "role", "operator"}, "Type your own password."},
		"a wrong password":   {"change", []string{"name", "rosa", "role", "operator", "confirm", "wrong"}, "This is not your password."},
		"added without":      {"add", []string{"name", "vera", "role", "operator"}, "Type your own password."},
		"removed without":    {"remove", []string{"name", "rosa"}, "Type your own password."},
		"her own role":       {"change", is("name", "OLGA", "role", "admin", "domains", "test.example"), "nobody changes the own role"},
		"herself suspended":  {"change", is("name", "olga", "role", "operator", "suspended", "yes"), "nobody changes the own role"},
		"her own password":   {"change", is("name", "olga", "role", "operator", "password", "new"), "nobody changes the own role"},
		"herself removed":    {"remove", is("name", " Olga"), "nobody changes the own role"},
	} {
		olga.wants(what)(olga.post("/account", "/admins/"+c.act, c.pairs...))(422, c.text, "-shown only now")
	}
	if after := fmt.Sprint(n.directory.Snapshot().Admins()); after != before {
		t.Errorf("changed:\n%s\n%s", before, after)
	}
	olga.wants("her own page")(olga.get("/admins/one?name=olga"))(200, "This is you", "-/admins/change", "-/admins/remove")
	// Two who do it to each other at once: the second one finds himself the last.
	pages := adminPages{n.App}
	wantFault := func(what string, err error) {
		t.Helper()
		if got := fmt.Sprint(err); got != "an admin's : last" {
			t.Errorf("%s: got %v", what, got)
		}
	}
	wantFault("remove the last", pages.RemoveAdmin(t.Context(), "olga", "other"))
	_, err := pages.ChangeAdmin(t.Context(), web.AdminForm{Name: "olga", Role: access.Reader, Domains: "test.example", All: true}, "other")
	wantFault("demote the last", err)
}

// TestAdminsLook goes through the pages as TestQueueLooks does.
func TestAdminsLook(t *testing.T) {
	n := openPages(t)
	n.must2(n.directory.AddAdmin(t.Context(), "root", directory.Admin{
		Name: "somebody.with.a.name.as.long.as.names.of.admins.are.at.most.64", Role: directory.DomainAdmin, Domains: []string{"test.example", "other.example"}, Rights: []string{"held.release", "queue.view"},
	}, pagesPassword))
	for name, o := range map[string]browser.Options{"en": {}, "fr-phone": {Size: browser.Phone, Language: "fr", Dark: true}} {
		t.Run(name, func(t *testing.T) {
			b := browser.Open(t, o)
			enter(b, n, "olga")
			for shot, path := range map[string]string{"list": "/admins", "new": "/admins/new", "one": "/admins/one?name=somebody.with.a.name.as.long.as.names.of.admins.are.at.most.64", "own": "/admins/one?name=olga"} {
				b.Go(n.url + path)
				b.Has("h1")
				b.Shoot("admins-" + shot + "-" + name)
				b.Accessible()
				if wide := browser.Eval[string](b, fmt.Sprintf(wider, cmp.Or(o.Size.Width, browser.Desktop.Width))); wide != "" {
					t.Errorf("%s is wider than the window: %s", path, wide)
				}
			}
		})
	}
}
