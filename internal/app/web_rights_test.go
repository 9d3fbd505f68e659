package app

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/store"
)

// Every route, by an admin of whom an operator chose some rights: those open what they are for, and all
// else is shut, in the session that is open; what is chosen anew holds at once.
func TestChosenRights(t *testing.T) {
	n := openPages(t)
	made, err := done[ops.Admin](t, n.App, ops.AdminAdd{
		Name: "vera", Password: pagesPassword, Role: "admin", Domains: []string{"test.example"}, Rights: []string{"message.view", "held.release"},
	})
	if err != nil || !slices.Equal(made.Rights, []string{"held.release", "message.view"}) {
		t.Fatalf("got %+v, %v", made, err)
	}
	vera := n.logIn("vera")
	everyRoute(t, n, vera, access.SessionUse, access.AccountUse, access.HeldView, access.MessageView)
	held := n.held("ann@test.example", plainMail, nil)
	at := "/quarantine/" + held.ID
	status, body := vera.get(at)
	if status != http.StatusOK || !strings.Contains(body, at+"/release") || strings.Contains(body, at+"/delete") || strings.Contains(body, at+"/block") || strings.Contains(body, `href="/queue"`) {
		t.Errorf("a held message: got %d\n%s", status, body)
	}
	vera.wants("delete")(vera.post("/account", at+"/delete", "confirm", "yes"))(403)
	vera.wants("allow")(vera.post("/account", at+"/release", "allow", "yes"))(403)
	vera.wants("release")(vera.post("/account", at+"/release"))(200, "Delivered to the inbox of ann@test.example")

	n.must2(done[ops.Admin](t, n.App, ops.AdminSet{Name: "vera", Rights: &[]string{"queue.change"}}))
	everyRoute(t, n, vera, access.SessionUse, access.AccountUse, access.QueueView, access.QueueChange)
	n.must2(done[ops.Admin](t, n.App, ops.AdminSet{Name: "vera", Rights: &[]string{}}))
	everyRoute(t, n, vera, append(access.Rights(access.Admin), access.SessionUse, access.AccountUse)...)
}

// everyRoute asks for each route, and wants those shut that are for none of some actions.
func everyRoute(t *testing.T, n *pagesNode, v *visitor, open ...access.Action) {
	t.Helper()
	field := regexp.MustCompile(`\{[^}]+\}`)
	for _, r := range n.site.Routes() {
		if r.Action == access.Public || r.Pattern == "POST /logout" {
			continue
		}
		method, pattern, _ := strings.Cut(r.Pattern, " ")
		path, status := field.ReplaceAllString(strings.TrimSuffix(pattern, "{$}"), "none"), 0
		if method == http.MethodGet {
			status, _ = v.get(path)
		} else {
			status, _ = v.post("/account", path)
		}
		if may := slices.Contains(open, r.Action); may == (status == http.StatusForbidden) || status >= 500 {
			t.Errorf("%s, for %s: got %d", r.Pattern, r.Action, status)
		}
	}
}

// Rights that a role does not have are refused, with those that it has; who becomes an operator
// has all; and what was changed is noted.
func TestRightsOfRoles(t *testing.T) {
	a := openUnlimited(t)
	for _, name := range []string{"one.example", "two.example"} {
		if _, err := done[ops.Domain](t, a, ops.DomainAdd{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	add := func(role string, rights ...string) error {
		q := ops.AdminAdd{Name: "of-" + role, Password: "a long enough password", Role: role, Domains: []string{"one.example"}, Rights: rights}
		if role == "operator" {
			q.Domains = nil
		}
		_, err := done[ops.Admin](t, a, q)
		return err
	}
	wantKind(t, "of nobody", add("admin", "held.burn"), control.Misuse)
	wantKind(t, "the node's", add("admin", "node.reload"), control.Misuse)
	wantKind(t, "everybody's", add("admin", "account.use"), control.Misuse)
	wantKind(t, "of no role", add("king", "held.view"), control.Misuse)
	wantKind(t, "of an operator", add("operator", "held.view"), control.Misuse)
	err := add("reader", "held.view", "entry.change")
	wantKind(t, "more than a reader's", err, control.Misuse)
	if err == nil || !strings.Contains(err.Error(), `no right "entry.change"`) || !strings.Contains(err.Error(), "queue.view") {
		t.Errorf("got %v", err)
	}
	wantKind(t, "an admin", add("admin", "held.view", "entry.change", "held.view"), "")
	set := func(q ops.AdminSet) (ops.Admin, error) {
		q.Name = "of-admin"
		return done[ops.Admin](t, a, q)
	}
	_, err = set(ops.AdminSet{Role: new("reader")})
	wantKind(t, "a role without one of them", err, control.Misuse)
	var got [][]string
	for _, q := range []ops.AdminSet{
		{Language: new("fr")}, {Role: new("reader"), Rights: &[]string{"queue.view"}}, {Domains: &[]string{"two.example"}}, {Role: new("operator")},
	} {
		shown, err := set(q)
		wantKind(t, "set", err, "")
		got = append(got, shown.Rights)
	}
	want := [][]string{{"entry.change", "held.view"}, {"queue.view"}, {"queue.view"}, {}}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("rights: got %q, want %q", got, want)
	}
	_, err = done[ops.Nothing](t, a, ops.AdminRemove{Name: "of-admin"})
	wantKind(t, "the last one", err, control.Failed)
	for _, q := range []ops.AdminSet{{Role: new("helpdesk"), Domains: &[]string{"one.example"}}, {State: new("suspended")}, {State: new("active"), Password: new("another long password")}} {
		if q.Role != nil {
			_, err := done[ops.Admin](t, a, ops.AdminAdd{Name: "root", Role: "operator", Password: "a long enough password"})
			wantKind(t, "another operator", err, "")
		}
		_, err := set(q)
		wantKind(t, "set", err, "")
	}
	_, err = done[ops.Nothing](t, a, ops.AdminRemove{Name: "of-admin"})
	wantKind(t, "one of two", err, "")
	wantNotes(t, a, "of-admin", "added admin: entry.change, held.view", "domains one.example", "rights reader: queue.view", "domains two.example", "rights operator",
		"rights helpdesk", "domains one.example", "suspended ", "active ", "password ", "removed helpdesk")
}

// wantNotes compares what was noted of an admin, in any order.
func wantNotes(t *testing.T, a *App, whom string, want ...string) {
	t.Helper()
	notes, err := a.store.Audit().Notes(t.Context(), store.NoteQuery{Whom: whom, Limit: 99})
	var got []string
	for _, note := range notes {
		got = append(got, note.What+" "+note.About)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || err != nil {
		t.Errorf("notes of %s:\ngot  %q, %v\nwant %q", whom, got, err, want)
	}
}

// Each right stands in the guide and in what the command says of itself.
func TestRightsAreTold(t *testing.T) {
	for file, mark := range map[string]string{"../../docs/admin.md": "| `%`", "../../cmd/gatepost/admin.go": "\n  % "} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, right := range access.Rights(access.Admin) {
			if !strings.Contains(string(text), strings.Replace(mark, "%", string(right), 1)) {
				t.Errorf("%s does not tell of %s", file, right)
			}
		}
	}
}
