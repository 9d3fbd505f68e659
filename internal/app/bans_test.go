package app

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/access"
	"gatepost/internal/ban"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/internal/door"
	"gatepost/internal/door/doortest"
	"gatepost/internal/mail"
)

func client(s string) netip.Addr { return netip.MustParseAddr(s) }

// Who relays for us, stands before us or is allowed by all is never banned: not by a
// filter, not by hand, and not when it was banned before it became so.
func TestNeverBanned(t *testing.T) {
	n := openPages(t)
	c := *n.config.Load()
	c.Bans.Never = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28")}
	c.TrustedRelays = []netip.Prefix{netip.MustParsePrefix("192.0.2.16/28")}
	c.Proxy.Trusted = []netip.Prefix{netip.MustParsePrefix("192.0.2.32/28")}
	c.Web.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.48/28")}
	never := []string{"192.0.2.1", "192.0.2.17", "192.0.2.33", "192.0.2.49", "192.0.2.65"}
	for _, a := range append(never, "192.0.2.97", "192.0.2.129") {
		n.must(n.bans.Impose(t.Context(), client(a), "honeypot", ""))
	}
	n.config.Store(&c)
	n.entry(directory.Allow, "192.0.2.64/28", "global")
	n.entry(directory.Block, "192.0.2.96/28", "global")
	n.entry(directory.Allow, "192.0.2.128/28", "test.example") // is for that domain to allow
	for _, a := range never {
		if _, ok := n.bans.Find(client(a), nil); ok {
			t.Errorf("%s is banned", a)
		}
		n.must(n.bans.Impose(t.Context(), client(a), "honeypot", ""))
		_, err := n.Handle(t.Context(), "ban.add", []byte(`{"network":"`+a+`"}`))
		if control.KindOf(err) != control.Misuse || !strings.Contains(err.Error(), "never banned") {
			t.Errorf("%s by hand: %v", a, err)
		}
	}
	for _, a := range []string{"192.0.2.97", "192.0.2.129"} {
		if _, ok := n.bans.Find(client(a), nil); !ok {
			t.Errorf("%s is not banned", a)
		}
	}
	n.must(n.bans.Refresh(t.Context()))
}

// Guesses at IMAP, at submission and at the pages count together: the pair is shut at all
// three, and no other.
func TestDoorsShareTheGuard(t *testing.T) {
	n := openPages(t)
	l := logins{d: n.directory, g: n.guard}
	ctx, at := t.Context(), client("198.51.100.7")
	for i := range 5 {
		var err error
		switch i % 3 {
		case 0:
			_, _, err = doorLogins{l, directory.ServiceIMAP}.Login(ctx, "ann@test.example", fmt.Sprint("wrong", i), at)
		case 1:
			_, _, err = submissionLogins{doorLogins{l, directory.ServiceIMAP}, n.allowance}.Login(ctx, "ANN@test.example", fmt.Sprint("wrong", i), at)
		case 2:
			_, err = n.desk.LogIn(ctx, "ann@test.example", fmt.Sprint("wrong", i), access.Client{Addr: at})
		}
		if err == nil {
			t.Fatal("a wrong password logs in")
		}
	}
	if _, _, err := (doorLogins{l, directory.ServiceIMAP}).Login(ctx, "ann@test.example", pagesPassword, at); !errors.Is(err, door.ErrLater) {
		t.Errorf("imap: %v", err)
	}
	if _, _, err := (submissionLogins{doorLogins{l, directory.ServiceIMAP}, n.allowance}).Login(ctx, "ann@test.example", pagesPassword, at); !errors.Is(err, door.ErrLater) {
		t.Errorf("submission: %v", err)
	}
	if _, err := n.desk.LogIn(ctx, "ann@test.example", pagesPassword, access.Client{Addr: at}); !errors.As(err, new(access.Blocked)) {
		t.Errorf("pages: %v", err)
	}
	for _, tt := range []struct{ user, client string }{{"bob@test.example", "198.51.100.7"}, {"ann@test.example", "203.0.113.1"}} {
		if _, _, err := (doorLogins{l, directory.ServiceIMAP}).Login(ctx, tt.user, pagesPassword, client(tt.client)); err != nil {
			t.Errorf("%s from %s: %v", tt.user, tt.client, err)
		}
	}
}

// Proofs by SCRAM are counted with passwords: after five wrong ones the right one is not looked at,
// and a right password of a program logs in until it is taken away.
func TestProofsAreGuarded(t *testing.T) {
	n := openPages(t)
	ctx, at := t.Context(), client("198.51.100.7")
	phone, err := n.directory.AddApp(ctx, "ann@test.example", "phone")
	n.must(err)
	prove := func(password string) error {
		c, turn := doortest.Client{User: "Ann@test.example", Password: password}, 0
		login, err := door.SASL{Auth: doorLogins{logins{d: n.directory, g: n.guard}, directory.ServiceIMAP}, Peer: at}.Authenticate(ctx, "SCRAM-SHA-256", nil, func(challenge string) (string, error) {
			if turn++; turn == 1 {
				return c.First(), nil
			}
			return c.Final(challenge)
		})
		if err == nil && (login.Address != "ann@test.example" || c.Check(login.Final) != nil) {
			t.Errorf("%s: got %+v", password, login)
		}
		return err
	}
	for _, password := range []string{phone, pagesPassword} {
		if err := prove(password); err != nil {
			t.Errorf("%s: %v", password, err)
		}
	}
	n.must(n.directory.RemoveApp(ctx, "ann@test.example", "phone"))
	for i := range 5 {
		if err := prove(phone); !errors.Is(err, door.ErrLogin) {
			t.Errorf("wrong proof %d: %v", i, err)
		}
	}
	if err := prove(pagesPassword); !errors.Is(err, door.ErrLater) {
		t.Errorf("after five wrong proofs: %v", err)
	}
	if _, _, err := (doorLogins{logins{d: n.directory, g: n.guard}, directory.ServiceIMAP}).Login(ctx, "ann@test.example", pagesPassword, at); !errors.Is(err, door.ErrLater) {
		t.Errorf("by password: %v", err)
	}
}

// A list of names bans its address, at the doors and in the gate; a trap's ban is one of
// the gate alone.
func TestSprayIsBanned(t *testing.T) {
	n := openPages(t)
	at := client("198.51.100.7")
	for i := range 20 {
		if _, _, err := (doorLogins{logins{d: n.directory, g: n.guard}, directory.ServiceIMAP}).Login(t.Context(), fmt.Sprintf("nobody%d@test.example", i), "123456", at); err == nil {
			t.Fatal("logged in")
		}
	}
	b, ok := n.bans.Find(at, nil)
	if !ok || b.Cause != ban.Login {
		t.Fatalf("got %+v, %v", b, ok)
	}
	n.must(n.bans.Impose(t.Context(), client("198.51.100.8"), "honeypot", "wrote to trap@test.example"))
	if got := n.refusal("imap")(at); !strings.HasPrefix(got, "198.51.100.7 is banned until ") || !strings.HasSuffix(got, "postmaster@"+n.config.Load().Hostname) {
		t.Errorf("imap: %q", got)
	}
	if got := n.refusal("imap")(client("198.51.100.8")); got != "" {
		t.Errorf("who wrote to a trap can't read mail: %q", got)
	}
	if conv, v := n.receiver(true, messageBudget(n.config.Load())).Connect(t.Context(), mail.Client{Addr: at, Users: true}); conv != nil || v.Answer != mail.Shut || v.Reason == "" {
		t.Errorf("submission: %v", v)
	}
	for _, q := range []struct {
		params string
		want   []string
	}{{`{}`, []string{"198.51.100.7/32", "198.51.100.8/32"}}, {`{"cause":"login"}`, []string{"198.51.100.7/32"}}, {`{"network":"198.51.100.8"}`, []string{"198.51.100.8/32"}}} {
		if _, err := n.bans.Lift(t.Context(), "10.0.0.1", "olga", ""); !errors.Is(err, ban.ErrNone) { // writes what waits
			t.Fatal(err)
		}
		got, err := n.Handle(t.Context(), "ban.list", []byte(q.params))
		n.must(err)
		var networks []string
		for _, b := range got.([]ops.Ban) {
			networks = append(networks, b.Network)
		}
		if slices.Sort(networks); !slices.Equal(networks, q.want) {
			t.Errorf("%s: got %v, want %v", q.params, networks, q.want)
		}
	}
}

// A ban that an allow entry for everybody, or a setting, makes void is shown as such, and
// by what; one of which only a part is allowed still holds.
func TestVoidBansAreShown(t *testing.T) {
	n := openPages(t)
	for _, network := range []string{"203.0.113.23", "198.51.100.0/24", "192.0.2.7", "192.0.2.9", "2001:db8:1::/64"} {
		_, err := n.Handle(t.Context(), "ban.add", []byte(`{"network":"`+network+`"}`))
		n.must(err)
	}
	c := *n.config.Load()
	c.Bans.Never = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/29")}
	n.config.Store(&c)
	n.entry(directory.Allow, "203.0.113.23", "global")
	n.entry(directory.Allow, "198.51.100.7", "global")
	n.entry(directory.Allow, "192.0.2.9", "test.example")
	n.entry(directory.Allow, "2001:db8::/32", "global")
	for network, want := range map[string]string{
		"203.0.113.23": "the global allow list has 203.0.113.23", "198.51.100.0/24": "", "192.0.2.7": "bans.never has 192.0.2.0/29", "192.0.2.9": "",
		"2001:db8:1::/64": "the global allow list has 2001:db8::/32",
	} {
		for _, q := range []string{"ban.list", "ban.show"} {
			params := map[string]string{"ban.list": `{"network":"` + network + `"}`, "ban.show": `{"what":"` + network + `"}`}[q]
			got, err := n.Handle(t.Context(), q, []byte(params))
			n.must(err)
			if list := got.([]ops.Ban); len(list) != 1 || !list[0].Active || list[0].Void != want {
				t.Errorf("%s %s: got %+v, want void %q", q, network, list, want)
			}
		}
	}
	_, err := n.Handle(t.Context(), "ban.lift", []byte(`{"what":"203.0.113.23"}`))
	n.must(err)
	got, err := n.Handle(t.Context(), "ban.show", []byte(`{"what":"203.0.113.23"}`))
	n.must(err)
	if list := got.([]ops.Ban); len(list) != 1 || list[0].Void != "" {
		t.Errorf("a ban that was lifted: %+v", list)
	}
}

// A ban does not decide before a client whom everybody allows, and is not said to; before
// one whom a domain allows it does.
func TestEntriesVoidBans(t *testing.T) {
	a := openUnlimited(t)
	_, err := a.directory.AddDomain(t.Context(), directory.Domain{Name: "test.example"})
	if err != nil {
		t.Fatal(err)
	}
	for scope, told := range map[string]bool{"": false, "test.example": true} {
		e, err := done[ops.Entry](t, a, ops.ListAdd{List: "allow", Value: "203.0.113.23", Scope: scope})
		if err != nil || len(e.Effects) != 1 || strings.Contains(e.Effects[0], "ip-ban") != told {
			t.Errorf("scope %q: %q, %v", scope, e.Effects, err)
		}
	}
	e, err := done[ops.Entry](t, a, ops.ListAdd{List: "allow", Value: "ann@shop.example"})
	if err != nil || len(e.Effects) != 1 || !strings.Contains(e.Effects[0], "gate ip-ban") {
		t.Errorf("a sender: %q, %v", e.Effects, err)
	}
}
