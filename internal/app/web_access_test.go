package app

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/web"
)

// peopled is a node with the domain test.example, the mailbox ann, the helpdesk dora and
// the operators root and olga; all have the password "correct horse".
func peopled(t *testing.T) *App {
	t.Helper()
	a := openUnlimited(t)
	const password = "correct horse"
	for _, q := range []control.Request{
		ops.DomainAdd{Name: "test.example", Zone: "Europe/Paris", DigestHours: "7", Owners: []string{"level"}},
		ops.MailboxAdd{Address: "ann@test.example", Password: password, Language: "fr"},
		ops.AdminAdd{Name: "root", Role: "operator", Password: password}, ops.AdminAdd{Name: "olga", Role: "operator", Password: password},
		ops.AdminAdd{Name: "dora", Role: "helpdesk", Domains: []string{"test.example"}, Password: password},
	} {
		if _, err := done[any](t, a, q); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

var somewhere = access.Client{Addr: netip.MustParseAddr("192.0.2.1"), Agent: "Browser/1"}

func (a *App) enter(t *testing.T, name string) string {
	t.Helper()
	ticket, err := a.desk.LogIn(t.Context(), name, "correct horse", somewhere)
	if err != nil {
		t.Fatal(err)
	}
	return ticket.Secret
}

// Who logs in is the person that the directory has.
func TestPersons(t *testing.T) {
	a := peopled(t)
	for name, want := range map[string]access.Person{
		"ann@test.example": {Kind: access.KindMailbox, Role: access.Owner, Domains: []string{"test.example"}, Language: "fr", Zone: "Europe/Paris"},
		"root":             {Kind: access.KindAdmin, Role: access.Operator},
		"dora":             {Kind: access.KindAdmin, Role: access.Helpdesk, Domains: []string{"test.example"}, Zone: "Europe/Paris"},
	} {
		got, _, err := a.desk.Recognise(t.Context(), a.enter(t, name), somewhere)
		if err != nil {
			t.Fatal(err)
		}
		if want.Kind == access.KindMailbox {
			want.Box = got.ID
		}
		if want.ID, want.Name = got.ID, name; got.ID == 0 || got.Kind != want.Kind || got.Name != want.Name || got.Role != want.Role || got.Box != want.Box ||
			got.Language != want.Language || got.Zone != want.Zone || !slices.Equal(got.Domains, want.Domains) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// A session ends with what it rests on, from wherever that is changed; others go on.
func TestSessionsEndWithTheirGround(t *testing.T) {
	for name, tt := range map[string]struct {
		who string
		do  control.Request
	}{
		"a mailbox's password":   {"ann@test.example", ops.MailboxSet{Address: "ann@test.example", Password: new("another horse")}},
		"a mailbox suspended":    {"ann@test.example", ops.MailboxSet{Address: "ann@test.example", State: new("suspended")}},
		"a mailbox removed":      {"ann@test.example", ops.MailboxRemove{Address: "ann@test.example"}},
		"an admin's password":    {"dora", ops.AdminSet{Name: "dora", Password: new("another horse")}},
		"an admin suspended":     {"dora", ops.AdminSet{Name: "dora", State: new("suspended")}},
		"an admin promoted":      {"dora", ops.AdminSet{Name: "dora", Role: new("admin")}},
		"an admin removed":       {"dora", ops.AdminRemove{Name: "dora"}},
		"closed by command":      {"ann@test.example", ops.SessionClose{Name: "ann@test.example"}},
		"an admin's, by command": {"dora", ops.SessionClose{Name: "dora"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := peopled(t)
			secret, other := a.enter(t, tt.who), a.enter(t, "root")
			if _, err := done[any](t, a, tt.do); err != nil {
				t.Fatal(err)
			}
			if p, _, err := a.desk.Recognise(t.Context(), secret, somewhere); !errors.Is(err, access.ErrNoSession) {
				t.Errorf("got %+v, %v; want the session over", p, err)
			}
			if _, _, err := a.desk.Recognise(t.Context(), other, somewhere); err != nil {
				t.Errorf("somebody else's: %v", err)
			}
		})
	}
	a := peopled(t)
	secret := a.enter(t, "dora")
	if _, err := done[any](t, a, ops.DomainAdd{Name: "two.example"}); err != nil {
		t.Fatal(err)
	}
	if _, err := done[any](t, a, ops.AdminSet{Name: "dora", Domains: &[]string{"two.example"}}); err != nil {
		t.Fatal(err)
	}
	p, _, err := a.desk.Recognise(t.Context(), secret, somewhere)
	if err != nil || !slices.Equal(p.Domains, []string{"two.example"}) {
		t.Errorf("other domains: got %+v, %v; want them at once", p, err)
	}
}

func TestSessionOperations(t *testing.T) {
	a := peopled(t)
	first, second := a.enter(t, "dora"), a.enter(t, "dora")
	list, err := done[[]ops.Session](t, a, ops.SessionList{Name: "dora"})
	if err != nil || len(list) != 2 || list[0].Client != "192.0.2.1" || list[0].Agent != "Browser/1" || len(list[0].ID) != shortID {
		t.Fatalf("got %+v, %v", list, err)
	}
	_, err = done[any](t, a, ops.SessionClose{Name: "dora", ID: list[0].ID[:4]})
	wantKind(t, "too short", err, control.Missing)
	_, err = done[any](t, a, ops.SessionClose{Name: "root", ID: list[0].ID})
	wantKind(t, "somebody else's", err, control.Missing)
	if got, err := done[ops.SessionsClosed](t, a, ops.SessionClose{Name: "dora", ID: list[0].ID}); err != nil || got.Closed != 1 {
		t.Errorf("close: got %+v, %v", got, err)
	}
	alive := 0
	for _, secret := range []string{first, second} {
		if _, _, err := a.desk.Recognise(t.Context(), secret, somewhere); err == nil {
			alive++
		}
	}
	if alive != 1 {
		t.Errorf("%d sessions are left, want 1", alive)
	}
	for _, q := range []control.Request{
		ops.SessionList{Name: "nobody"}, ops.SessionClose{Name: "x@test.example"}, ops.AdminResetFactor{Name: "nobody"}, ops.MailboxResetFactor{Address: "x@test.example"},
	} {
		_, err := done[any](t, a, q)
		wantKind(t, q.Op(), err, control.Missing)
	}
	_, err = done[any](t, a, ops.MailboxResetFactor{Address: "x"})
	wantKind(t, "no address", err, control.Misuse)
	if list, err := done[[]ops.Session](t, a, ops.SessionList{Name: "olga"}); err != nil || list == nil {
		t.Errorf("none: got %v, %v; want an empty list", list, err)
	}
}

// What an owner sets is in the directory; what is shown says what holds around it.
func TestOwnSettings(t *testing.T) {
	a := peopled(t)
	s := settings{a, a.config.Load().Digest}
	got, err := s.Settings(t.Context(), "Ann@Test.example")
	if err != nil || got.Address != "ann@test.example" || !slices.Equal(got.Open, []string{"level"}) || !slices.Equal(got.DigestHours, []int{7}) ||
		got.Zone != "Europe/Paris" || got.DomainDisposition != "quarantine" || !got.Digest || got.Box == 0 {
		t.Fatalf("got %+v, %v", got, err)
	}
	got.Level, got.Digest, got.Disposition, got.Language = 3, false, "junk", "en"
	if err := s.SetSettings(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	if m, _ := a.directory.Snapshot().Mailbox("ann@test.example"); m.Level != 3 || !m.NoDigest || m.Disposition != "junk" || m.Language != "en" {
		t.Errorf("got %+v", m)
	}
	for _, address := range []string{"", "x", "nobody@test.example", "ann@other.example"} {
		if _, err := s.Settings(t.Context(), address); err != web.ErrNoMailbox {
			t.Errorf("%q: got %v, want ErrNoMailbox", address, err)
		}
	}
	people := persons{a.directory}
	p, _ := a.person("ann@test.example")
	if err := people.SetPassword(t.Context(), p, "another horse"); err != nil {
		t.Error(err)
	}
	if err := people.SetPassword(t.Context(), p, "another\x01horse"); err != web.ErrPassword {
		t.Errorf("a password that is none: got %v", err)
	}
	root, _ := a.person("root")
	if err := people.SetLanguage(t.Context(), root, "fr"); err != nil {
		t.Error(err)
	}
	if admin, _ := a.directory.Snapshot().Admin("root"); admin.Language != "fr" {
		t.Errorf("got %+v", admin)
	}
}

// An operator may set any password, and is told of one that its owner could not choose; a list that can't be searched is refused.
func TestWeakPasswords(t *testing.T) {
	a := peopled(t)
	for password, want := range map[string]int{"correct horse": 0, "password123": 1, "ann2026ann2026": 0, "ann-12345678": 1} {
		box, err := done[ops.Mailbox](t, a, ops.MailboxSet{Address: "ann@test.example", Password: &password})
		if err != nil || len(box.Warnings) != want {
			t.Errorf("%q for a mailbox: %q, %v", password, box.Warnings, err)
		}
	}
	admin, err := done[ops.Admin](t, a, ops.AdminSet{Name: "dora", Password: new("dora-2026-2026")})
	if err != nil || len(admin.Warnings) != 1 {
		t.Errorf("for an admin: %q, %v", admin.Warnings, err)
	}
	c := *a.config.Load()
	c.Passwords.Leaked = t.TempDir()
	if _, err := a.Reload(&c); err == nil || !strings.Contains(err.Error(), "passwords.leaked") {
		t.Errorf("a list that is a directory: %v", err)
	}
	if err := Check(&c); err == nil {
		t.Error("check takes it")
	}
}

// The password of an owner is kept elsewhere where the domain says so; that of an admin never is.
func TestPasswordElsewhere(t *testing.T) {
	n := openPages(t)
	people := persons{n.directory}
	ann := access.Person{Kind: access.KindMailbox, ID: n.boxes["ann@test.example"], Box: n.boxes["ann@test.example"]}
	if people.Elsewhere(ann) {
		t.Error("before")
	}
	n.must2(n.directory.ChangeDomain(t.Context(), "test.example", func(d *directory.Domain) error { d.Login = "people"; return nil }))
	if !people.Elsewhere(ann) || people.Elsewhere(access.Person{Kind: access.KindAdmin, ID: 1}) {
		t.Error("ann's is not, or an admin's is")
	}
}
