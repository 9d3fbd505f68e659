package directory

import (
	"context"
	"slices"
	"strings"
	"testing"
)

func (f fixture) admin(t *testing.T, a Admin) Admin {
	t.Helper()
	added, err := f.AddAdmin(t.Context(), "root", a, "secret")
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func TestAddAdmin(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	root := f.admin(t, Admin{ID: 99, Name: " Root ", Role: Operator, Language: "fr"})
	if root.Name != "root" || root.State != Active || root.ID == 99 || root.ID == 0 || !root.Created.Equal(f.clock.now()) {
		t.Errorf("got %+v", root)
	}
	dora := f.admin(t, Admin{Name: "Dora@Elsewhere.example", Role: Helpdesk, Domains: []string{"Example.ORG", "example.net", "example.org"}})
	if dora.Name != "dora@elsewhere.example" || !slices.Equal(dora.Domains, []string{"example.net", "example.org"}) || !dora.Has("example.net") || dora.Has("x.example") || !root.Has("x.example") {
		t.Errorf("got %+v", dora)
	}
	net := []string{"example.net"}
	for name, c := range map[string]struct {
		admin Admin
		want  error
	}{
		"there already":         {Admin{Name: "ROOT", Role: Operator}, ErrExists},
		"a mailbox":             {Admin{Name: "Ann@example.net", Role: Operator}, ErrExists},
		"no name":               {Admin{Role: Operator}, ErrInvalid},
		"blank":                 {Admin{Name: "a b", Role: Operator}, ErrInvalid},
		"other script":          {Admin{Name: "rооt", Role: Operator}, ErrInvalid},
		"too long":              {Admin{Name: strings.Repeat("a", 65), Role: Operator}, ErrInvalid},
		"no address":            {Admin{Name: "a@", Role: Operator}, ErrInvalid},
		"no role":               {Admin{Name: "x"}, ErrInvalid},
		"operator with domains": {Admin{Name: "x", Role: Operator, Domains: net}, ErrInvalid},
		"admin with none":       {Admin{Name: "x", Role: DomainAdmin}, ErrInvalid},
		"helpdesk with none":    {Admin{Name: "x", Role: Helpdesk}, ErrInvalid},
		"no such domain":        {Admin{Name: "x", Role: Helpdesk, Domains: []string{"elsewhere.example"}}, ErrNoDomain},
		"language":              {Admin{Name: "x", Role: Operator, Language: "e\n"}, ErrInvalid},
		"state":                 {Admin{Name: "x", Role: Operator, State: Closed}, ErrInvalid},
		"operator with rights":  {Admin{Name: "x", Role: Operator, Rights: []string{"held.view"}}, ErrInvalid},
		"rights in a line":      {Admin{Name: "x", Role: Reader, Domains: net, Rights: []string{"held.view,queue.view"}}, ErrInvalid},
		"too many rights":       {Admin{Name: "x", Role: Reader, Domains: net, Rights: manyRights()}, ErrInvalid},
	} {
		_, err := f.AddAdmin(ctx, "root", c.admin, "secret")
		wantErr(t, name, err, c.want)
	}
	_, err := f.AddAdmin(ctx, "root", Admin{Name: "x", Role: Operator}, "")
	wantErr(t, "no password", err, ErrPassword)
	_, err = f.AddAdmin(ctx, "root", Admin{Name: "new@example.net", Role: DomainAdmin, Domains: net}, "secret")
	wantErr(t, "an address here that nobody has", err, nil)
	_, err = f.AddMailbox(ctx, Mailbox{Address: "New@example.net"}, "")
	wantErr(t, "a mailbox with an admin's name", err, ErrExists)
	if got, ok := f.Snapshot().AdminOf(root.ID); !ok || got.Name != "root" {
		t.Errorf("by ID: got %+v", got)
	}
	if got := f.Snapshot().Admins(); len(got) != 3 || got[0].Name != dora.Name {
		t.Errorf("all: got %+v", got)
	}
}

func manyRights() (rights []string) {
	for n := range maxRights + 1 {
		rights = append(rights, "held."+strings.Repeat("a", n%20+1)+strings.Repeat("b", n/20))
	}
	return rights
}

func TestLastOperatorStays(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.admin(t, Admin{Name: "one", Role: Operator})
	f.admin(t, Admin{Name: "helper", Role: Helpdesk, Domains: []string{"example.net"}})
	set := func(name string, change func(*Admin)) error {
		_, err := f.ChangeAdmin(ctx, name, "root", func(a *Admin) error { change(a); return nil })
		return err
	}
	suspend := func(a *Admin) { a.State = Suspended }
	demote := func(a *Admin) { a.Role, a.Domains = DomainAdmin, []string{"example.net"} }
	wantErr(t, "remove", f.RemoveAdmin(ctx, "one", "root"), ErrLast)
	wantErr(t, "suspend", set("one", suspend), ErrLast)
	wantErr(t, "demote", set("one", demote), ErrLast)
	wantErr(t, "language", set("One", func(a *Admin) { a.Language, a.Name, a.ID = "fr", "other", 7 }), nil)
	two := f.admin(t, Admin{Name: "two", Role: Operator})
	wantErr(t, "suspend with another", set("one", suspend), nil)
	wantErr(t, "the other is the last", f.RemoveAdmin(ctx, two.Name, "root"), ErrLast)
	wantErr(t, "a suspended one goes", f.RemoveAdmin(ctx, "one", "root"), nil)
	wantErr(t, "gone", f.RemoveAdmin(ctx, "one", "root"), ErrNoAdmin)
	wantErr(t, "of a domain", f.RemoveAdmin(ctx, "helper", "root"), nil)
}

func TestDomainsOfAdmins(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.domain(t, "one.example")
	f.domain(t, "two.example")
	f.admin(t, Admin{Name: "both", Role: DomainAdmin, Domains: []string{"one.example", "two.example"}})
	f.admin(t, Admin{Name: "one", Role: DomainAdmin, Domains: []string{"one.example"}})
	wantErr(t, "somebody's only one", f.RemoveDomain(ctx, "one.example"), ErrInUse)
	wantErr(t, "remove", f.RemoveAdmin(ctx, "one", "root"), nil)
	wantErr(t, "one of two", f.RemoveDomain(ctx, "one.example"), nil)
	if a, _ := f.open(t).Snapshot().Admin("both"); !slices.Equal(a.Domains, []string{"two.example"}) {
		t.Errorf("got %q", a.Domains)
	}
	wantErr(t, "the one that is left", f.RemoveDomain(ctx, "two.example"), ErrInUse)
}

func TestAuthenticateAdmin(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.password(t, "secret of ann")
	f.admin(t, Admin{Name: "root", Role: Operator})
	f.admin(t, Admin{Name: "dora@example.net", Role: Helpdesk, Domains: []string{"example.net"}})
	for name, c := range map[string]struct {
		user, password string
		admin, box     bool
	}{
		"an admin":                   {"Root", "secret", true, false},
		"wrong":                      {"root", "secret of ann", false, false},
		"nobody":                     {"nobody", "secret", false, false},
		"a mailbox":                  {"Ann@example.net", "secret of ann", false, true},
		"an admin's password for it": {"ann@example.net", "secret", false, false},
		"an admin with an address":   {"dora@Example.NET", "secret", true, false},
		"no such mailbox":            {"nobody@example.net", "secret", false, false},
		"empty":                      {"", "", false, false},
	} {
		who, err := f.LogIn(ctx, c.user, c.password)
		want := error(nil)
		if !c.admin && !c.box {
			want = ErrLogin
		}
		wantErr(t, name, err, want)
		if (who.Admin != nil) != c.admin || (who.Mailbox != nil) != c.box {
			t.Errorf("%s: got %+v", name, who)
		}
	}
	_, err := f.Authenticate(ctx, "dora@example.net", "secret")
	wantErr(t, "an admin has no mailbox", err, ErrLogin)
	wantErr(t, "new password", f.SetAdminPassword(ctx, "DORA@example.net", "root", "other"), nil)
	_, err = f.AuthenticateAdmin(ctx, "dora@example.net", "secret")
	wantErr(t, "the old one", err, ErrLogin)
	_, err = f.ChangeAdmin(ctx, "dora@example.net", "root", func(a *Admin) error { a.State = Suspended; return nil })
	wantErr(t, "suspend", err, nil)
	_, err = f.AuthenticateAdmin(ctx, "dora@example.net", "other")
	wantErr(t, "suspended", err, ErrSuspended)
	_, err = f.AuthenticateAdmin(ctx, "dora@example.net", "secret")
	wantErr(t, "suspended, wrong password", err, ErrLogin)
	wantErr(t, "nobody's", f.SetAdminPassword(ctx, "nobody", "root", "other"), ErrNoAdmin)
}

// Who is unknown takes a turn like everybody else, whichever kind of name it is.
func TestNobodyIsAsSlow(t *testing.T) {
	f := newFixture(t)
	f.admin(t, Admin{Name: "root", Role: Operator})
	for range atOnce {
		f.passwords.turn <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, name := range []string{"root", "nobody", "nobody@example.net", "ann@example.net", "", "\x00", "@"} {
		_, err := f.LogIn(ctx, name, "guess")
		wantErr(t, name, err, context.Canceled)
	}
}

func FuzzAdminName(f *testing.F) {
	for _, s := range []string{"root", "A.b_c-1", "ann@example.net", "a b", "@", `"a b"@x.example`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := AdminName(s)
		if err != nil {
			return
		}
		if again, err := AdminName(name); err != nil || again != name {
			t.Errorf("%q: got %q, then %q, %v", s, name, again, err)
		}
	})
}
