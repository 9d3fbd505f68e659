package app

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"gatepost/internal/access"
	"gatepost/quarantine"
)

// Every route that a node has, by every role, over a real message of somebody else. Nobody
// gets past the log-in; a role that can't do a thing to anything is told so; and to who may
// not see this message it is as if it were not there. New routes are in here by themselves.
func TestEveryRouteByEveryRole(t *testing.T) {
	n := openPages(t)
	field := regexp.MustCompile(`\{[^}]+\}`)
	people := map[string]access.Person{}
	visitors := map[string]*visitor{}
	for _, name := range []string{"ann@test.example", "hanna", "adam", "olga", "rosa"} {
		p, err := n.person(name)
		n.must(err)
		people[name], visitors[name] = p, n.logIn(name)
	}
	nobody := &visitor{n, &http.Client{}}
	routes := n.site.Routes()
	if len(routes) < 30 {
		t.Errorf("only %d routes", len(routes))
	}
	for _, r := range routes {
		if r.Action == access.Public || r.Pattern == "POST /logout" {
			continue
		}
		carl := n.held("carl@other.example", plainMail, nil)
		method, pattern, _ := strings.Cut(r.Pattern, " ")
		pattern = strings.TrimSuffix(pattern, "{$}")
		path := field.ReplaceAllString(strings.ReplaceAll(pattern, "{act}", "release"), carl.ID)
		about := strings.Contains(pattern, "{id}") && strings.HasPrefix(pattern, "/quarantine/")
		ask := func(v *visitor) (int, string) {
			if method == http.MethodGet {
				return v.get(path)
			}
			return v.post("/account", path, "id", carl.ID)
		}
		if status, body := ask(nobody); status != http.StatusOK || !strings.Contains(body, `action="/login"`) {
			t.Errorf("%s by nobody: got %d, %.200s", r.Pattern, status, body)
		}
		for name, v := range visitors {
			status, body := ask(v)
			switch may := access.MayAny(people[name], r.Action); {
			case !may && status != http.StatusForbidden:
				t.Errorf("%s by %s: got %d, want 403", r.Pattern, name, status)
			case may && (status == http.StatusForbidden || status >= 500 || strings.Contains(body, `action="/login"`)):
				t.Errorf("%s by %s: got %d\n%.500s", r.Pattern, name, status, body)
			case about && may && name != "olga" && status != http.StatusNotFound:
				t.Errorf("%s by %s: got %d, want 404", r.Pattern, name, status)
			}
		}
		got, err := n.quarantine.Show(t.Context(), carl.ID)
		n.must(err)
		for _, act := range got.Acts {
			if act.Who != "olga" || !strings.HasSuffix(pattern, "{act}") {
				t.Errorf("%s: %s did %s", r.Pattern, act.Who, act.What)
			}
		}
		if (got.State == quarantine.StateHeld) == strings.HasSuffix(pattern, "{act}") {
			t.Errorf("after %s the message is %s", r.Pattern, got.State)
		}
	}
}
