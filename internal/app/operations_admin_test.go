package app

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
)

// done has a node do a request, as a command does.
func done[R any](t *testing.T, a *App, q control.Request) (result R, err error) {
	t.Helper()
	params, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.Handle(t.Context(), q.Op(), params)
	if err != nil {
		return result, err
	}
	return got.(R), nil
}

func wantKind(t *testing.T, what string, err error, want control.Kind) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case want != "" && (err == nil || control.KindOf(err) != want):
		t.Errorf("%s: got %v, want it %s", what, err, want)
	}
}

// What a domain is told to do it shows, in the form in which it was told.
func TestDomainChoices(t *testing.T) {
	a := openUnlimited(t)
	made, err := done[ops.Domain](t, a, ops.DomainAdd{Name: "test.example", DigestHours: "18, 6", Owners: []string{"level"}})
	if err != nil || made.DigestHours != "6,18" || made.Challenge != "reply" || !reflect.DeepEqual(made.Owners, []string{"level"}) || len(made.Warnings) != 1 {
		t.Fatalf("got %+v, %v", made, err)
	}
	for name, c := range map[string]struct {
		set  ops.DomainSet
		kind control.Kind
		show func(ops.Domain) string
		want string
	}{
		"digest hours":    {ops.DomainSet{DigestHours: new("7")}, "", func(d ops.Domain) string { return d.DigestHours }, "7"},
		"no digests":      {ops.DomainSet{DigestHours: new("none")}, "", func(d ops.Domain) string { return d.DigestHours }, "none"},
		"the node's":      {ops.DomainSet{DigestHours: new("")}, "", func(d ops.Domain) string { return d.DigestHours }, ""},
		"no hours":        {ops.DomainSet{DigestHours: new("six")}, control.Misuse, nil, ""},
		"no such hour":    {ops.DomainSet{DigestHours: new("24")}, control.Misuse, nil, ""},
		"zone":            {ops.DomainSet{Zone: new("Europe/Paris")}, "", func(d ops.Domain) string { return d.Zone }, "Europe/Paris"},
		"no such zone":    {ops.DomainSet{Zone: new("Europe/Nowhere")}, control.Misuse, nil, ""},
		"owners":          {ops.DomainSet{Owners: &[]string{"digest", "level"}}, "", func(d ops.Domain) string { return strings.Join(d.Owners, ",") }, "digest,level"},
		"owners' nothing": {ops.DomainSet{Owners: &[]string{}}, "", func(d ops.Domain) string { return strings.Join(d.Owners, ",") }, ""},
		"language":        {ops.DomainSet{Language: new("fr")}, "", func(d ops.Domain) string { return d.Language }, "fr"},
		"allows":          {ops.DomainSet{ChallengeAllow: new("mailbox")}, "", func(d ops.Domain) string { return d.ChallengeAllow }, "mailbox"},
		"allows all":      {ops.DomainSet{ChallengeAllow: new("all")}, control.Misuse, nil, ""},
	} {
		c.set.Name = "test.example"
		_, err := done[ops.Domain](t, a, c.set)
		wantKind(t, name, err, c.kind)
		if c.show == nil {
			continue
		}
		if got, err := done[ops.Domain](t, a, ops.DomainShow{Name: "test.example"}); err != nil || c.show(got) != c.want {
			t.Errorf("%s: got %+v, %v; want %q", name, got, err, c.want)
		}
	}
}

// A domain is shown with what is kept beside it: keys, limits of log-ins, admins.
func TestDomainShowsAll(t *testing.T) {
	a := openUnlimited(t)
	for _, name := range []string{"test.example", "other.example"} {
		if _, err := done[ops.Domain](t, a, ops.DomainAdd{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	d, err := done[ops.Domain](t, a, ops.DomainShow{Name: "test.example"})
	if err != nil || len(d.Keys)+len(d.Admins) > 0 || d.Sends != nil {
		t.Errorf("a new one: %+v, %v", d, err)
	}
	if err := a.keys.Create(t.Context(), "test.example"); err != nil {
		t.Fatal(err)
	}
	hour := 7
	if _, err := done[ops.SubmissionLimits](t, a, ops.SubmissionSet{Owner: "test.example", PerHour: &hour}); err != nil {
		t.Fatal(err)
	}
	for name, of := range map[string]string{"adam": "test.example", "otto": "other.example"} {
		if _, err := a.directory.AddAdmin(t.Context(), "root", directory.Admin{Name: name, Role: directory.Helpdesk, Domains: []string{of}}, "a long enough password"); err != nil {
			t.Fatal(err)
		}
	}
	d, err = done[ops.Domain](t, a, ops.DomainShow{Name: "test.example"})
	if err != nil || len(d.Keys) != 2 || !strings.HasSuffix(d.Keys[0], " waiting") || !slices.Equal(d.Admins, []string{"adam helpdesk"}) {
		t.Errorf("keys %q, admins %q, %v", d.Keys, d.Admins, err)
	}
	if want := (ops.SubmissionLimits{Owner: "test.example", PerMinute: -1, PerHour: 7, PerDay: -1, Recipients: -1}); d.Sends == nil || *d.Sends != want {
		t.Errorf("limits %+v, want %+v", d.Sends, want)
	}
	if d, err = done[ops.Domain](t, a, ops.DomainShow{Name: "other.example"}); err != nil || d.Sends != nil || len(d.Keys) > 0 || !slices.Equal(d.Admins, []string{"otto helpdesk"}) {
		t.Errorf("another: %+v, %v", d, err)
	}
}

// Who sets what can come to nothing is told so.
func TestWarnings(t *testing.T) {
	a := openUnlimited(t)
	if _, err := done[ops.Domain](t, a, ops.DomainAdd{Name: "test.example"}); err != nil {
		t.Fatal(err)
	}
	d, err := done[ops.Domain](t, a, ops.DomainSet{Name: "test.example", Challenge: new("reply")})
	if err != nil || len(d.Warnings) != 1 || !strings.Contains(d.Warnings[0], "web.url") {
		t.Errorf("challenge without web.url: got %q, %v", d.Warnings, err)
	}
	c := *a.config.Load()
	c.Web.URL = "https://mail.test.example"
	a.config.Store(&c)
	if d, err = done[ops.Domain](t, a, ops.DomainShow{Name: "test.example"}); err != nil || d.Warnings != nil {
		t.Errorf("challenge with web.url: got %q, %v", d.Warnings, err)
	}
	if _, err := done[ops.Mailbox](t, a, ops.MailboxAdd{Address: "ann@test.example"}); err != nil {
		t.Fatal(err)
	}
	set := ops.MailboxSet{Address: "ann@test.example", Disposition: new("junk"), Level: new(2), Digest: new(false)}
	m, err := done[ops.Mailbox](t, a, set)
	if err != nil || len(m.Warnings) != 2 || m.Disposition != "junk" || m.Level != 2 || m.Digest {
		t.Errorf("a mailbox in a domain that leaves nothing open: got %+v, %v", m, err)
	}
	if _, err := done[ops.Domain](t, a, ops.DomainSet{Name: "test.example", Owners: &[]string{"level", "disposition"}}); err != nil {
		t.Fatal(err)
	}
	if m, err = done[ops.Mailbox](t, a, set); err != nil || m.Warnings != nil {
		t.Errorf("a mailbox in one that does: got %q, %v", m.Warnings, err)
	}
}

func TestAdminOperations(t *testing.T) {
	a := openUnlimited(t)
	for _, name := range []string{"one.example", "two.example"} {
		if _, err := done[ops.Domain](t, a, ops.DomainAdd{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	root, err := done[ops.Admin](t, a, ops.AdminAdd{Name: "Root", Role: "operator", Password: "one two three"})
	if err != nil || root.Name != "root" || root.State != "active" || root.Domains == nil {
		t.Fatalf("got %+v, %v", root, err)
	}
	_, err = done[ops.Admin](t, a, ops.AdminAdd{Name: "dora", Role: "helpdesk", Domains: []string{"One.example"}, Password: "four"})
	wantKind(t, "add", err, "")
	_, err = done[ops.Admin](t, a, ops.AdminAdd{Name: "eve", Role: "king", Password: "four"})
	wantKind(t, "no such role", err, control.Misuse)
	_, err = done[ops.Admin](t, a, ops.AdminAdd{Name: "eve", Role: "operator"})
	wantKind(t, "no password", err, control.Misuse)
	_, err = done[ops.Admin](t, a, ops.AdminShow{Name: "nobody"})
	wantKind(t, "nobody", err, control.Missing)
	for domain, want := range map[string]int{"": 2, "one.example": 2, "two.example": 1} {
		if list, err := done[[]ops.Admin](t, a, ops.AdminList{Domain: domain}); err != nil || len(list) != want {
			t.Errorf("of domain %q: got %+v, %v; want %d", domain, list, err, want)
		}
	}
	_, err = done[[]ops.Admin](t, a, ops.AdminList{Domain: "three.example"})
	wantKind(t, "of no domain", err, control.Missing)
	_, err = done[ops.Nothing](t, a, ops.AdminRemove{Name: "root"})
	wantKind(t, "the last operator", err, control.Failed)
	dora, err := done[ops.Admin](t, a, ops.AdminSet{Name: "dora", Role: new("operator"), Password: new("five")})
	if err != nil || dora.Role != "operator" || len(dora.Domains) != 0 {
		t.Errorf("promoted: got %+v, %v", dora, err)
	}
	if who, err := a.directory.LogIn(t.Context(), "dora", "five"); err != nil || who.Admin == nil {
		t.Errorf("log-in: got %+v, %v", who, err)
	}
	_, err = done[ops.Nothing](t, a, ops.AdminRemove{Name: "root"})
	wantKind(t, "one of two operators", err, "")
}
