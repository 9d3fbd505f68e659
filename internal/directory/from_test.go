package directory

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"gatepost/internal/mail"
)

func TestParseFrom(t *testing.T) {
	for name, c := range map[string]struct {
		kind  Kind
		given string
		want  string
		err   error
	}{
		"as kept":               {"", "ann@example.net from 192.0.2.0/24", "ann@example.net from 192.0.2.0/24", nil},
		"folded":                {AddressFrom, " Ann@Example.NET  from  192.0.2.0/24 ", "ann@example.net from 192.0.2.0/24", nil},
		"IPv6":                  {"", "ann@example.net from 2001:DB8:0::/64", "ann@example.net from 2001:db8::/64", nil},
		"IPv4 as IPv6":          {"", "ann@example.net from ::ffff:192.0.2.0/120", "ann@example.net from 192.0.2.0/24", nil},
		"quoted":                {"", `"a from b"@example.net from 192.0.2.0/24`, `"a from b"@example.net from 192.0.2.0/24`, nil},
		"/23":                   {"", "ann@example.net from 192.0.2.0/23", "", ErrInvalid},
		"one address":           {"", "ann@example.net from 192.0.2.7", "", ErrInvalid},
		"/48":                   {"", "ann@example.net from 2001:db8::/48", "", ErrInvalid},
		"inside":                {"", "ann@example.net from 192.0.2.7/24", "", ErrInvalid},
		"no network":            {"", "ann@example.net from ", "", ErrInvalid},
		"a domain":              {"", "example.net from 192.0.2.0/24", "", ErrInvalid},
		"no address":            {"", " from 192.0.2.0/24", "", ErrInvalid},
		"an author":             {Author, "ann@example.net from 192.0.2.0/24", "", ErrInvalid},
		"not an address":        {Address, "ann@example.net from 192.0.2.0/24", "", ErrInvalid},
		"an address without":    {AddressFrom, "ann@example.net", "", ErrInvalid},
		"a network in an quote": {"", `"x from 192.0.2.0/24"@example.net`, `"x from 192.0.2.0/24"@example.net`, nil},
	} {
		value, kind, err := ParseValue(c.kind, c.given)
		wantErr(t, name, err, c.err)
		if value != c.want {
			t.Errorf("%s: got %q, want %q", name, value, c.want)
		}
		if again, same, err := ParseValue(kind, value); c.err == nil && (err != nil || again != value || same != kind) {
			t.Errorf("%s: %q of kind %s became %q of kind %s, %v", name, value, kind, again, same, err)
		}
	}
}

func TestFromValue(t *testing.T) {
	for client, want := range map[string]string{
		"192.0.2.7":             "ann@example.net from 192.0.2.0/24",
		"::ffff:192.0.2.7":      "ann@example.net from 192.0.2.0/24",
		"2001:db8:1:2:3:4:5:6":  "ann@example.net from 2001:db8:1:2::/64",
		"2001:db8:1:2:3:4::%e0": "ann@example.net from 2001:db8:1:2::/64",
	} {
		if got := FromValue("Ann@Example.net", netip.MustParseAddr(client)); got != want {
			t.Errorf("%s: got %q, want %q", client, got, want)
		}
	}
	if got := FromValue("", netip.MustParseAddr("192.0.2.7")) + FromValue("ann@example.net", netip.Addr{}); got != "" {
		t.Errorf("nobody, or from nowhere: got %q", got)
	}
}

func TestFindFrom(t *testing.T) {
	const annFrom = "ann@x.example from 192.0.2.0/24"
	type listed struct {
		list         List
		value, scope string
	}
	for name, c := range map[string]struct {
		entries []listed
		want    string // the value that decides
		block   bool
	}{
		"nothing":                             {},
		"allowed":                             {[]listed{{Allow, annFrom, "example.net"}}, annFrom, false},
		"blocked":                             {[]listed{{Block, annFrom, "global"}}, annFrom, true},
		"another network":                     {[]listed{{Allow, "ann@x.example from 198.51.100.0/24", "global"}}, "", false},
		"the sender alone is allowed":         {[]listed{{Allow, "x.example", "global"}}, "", false},
		"the sender alone is blocked":         {[]listed{{Block, "x.example", "global"}}, "x.example", true},
		"allow outranks block":                {[]listed{{Block, "ann@x.example", "example.net"}, {Allow, annFrom, "example.net"}}, annFrom, false},
		"the narrower block outranks":         {[]listed{{Block, "ann@x.example", "ann@example.net"}, {Allow, annFrom, "example.net"}}, "ann@x.example", true},
		"the wider block does not":            {[]listed{{Block, "ann@x.example", "global"}, {Allow, annFrom, "example.net"}}, annFrom, false},
		"an allowed sender is not blocked":    {[]listed{{Allow, "x.example", "example.net"}, {Block, annFrom, "example.net"}}, "", false},
		"nor in a wider scope":                {[]listed{{Allow, "x.example", "ann@example.net"}, {Block, annFrom, "global"}}, "", false},
		"but in a narrower one":               {[]listed{{Allow, "x.example", "global"}, {Block, annFrom, "ann@example.net"}}, annFrom, true},
		"the network's allow behind sender's": {[]listed{{Allow, "x.example", "ann@example.net"}, {Allow, annFrom, "global"}, {Block, "x.example", "example.net"}}, annFrom, false},
	} {
		f := newFixture(t)
		for _, e := range c.entries {
			f.entry(t, e.list, "", e.value, e.scope)
		}
		got, ok := f.Snapshot().FindFrom("Ann@x.example", netip.MustParseAddr("192.0.2.99"), "ann@example.net")
		if ok != (c.want != "") || got.Value != c.want || ok && (got.List == Block) != c.block {
			t.Errorf("%s: got %+v, %t", name, got, ok)
		}
		if got.Value == annFrom && got.Kind != AddressFrom {
			t.Errorf("%s: kind: got %s", name, got.Kind)
		}
	}
}

// Random entries: the answer is that of a rule that goes over all of them.
func TestFindFromAgainstModel(t *testing.T) {
	values := []string{"ann@x.example", "x.example", ".example", "ann@x.example from 192.0.2.0/24", "ann@x.example from 198.51.100.0/24"}
	scopes := []string{"ann@example.net", "example.net", "global"}
	for range 300 {
		f := newFixture(t)
		entries := map[Key]Entry{}
		for range rand.IntN(8) {
			in, err := ParseScope(scopes[rand.IntN(3)])
			if err != nil {
				t.Fatal(err)
			}
			e := Entry{List: []List{Allow, Block}[rand.IntN(2)], Value: values[rand.IntN(len(values))], Scope: in}
			if e, err := f.AddEntry(t.Context(), e); err == nil {
				entries[e.Key()] = e
			}
		}
		has := func(list List, scope string, values ...string) string {
			in, _ := ParseScope(scope)
			for _, v := range values {
				if _, ok := entries[Key{List: list, Value: v, Scope: in}]; ok {
					return v
				}
			}
			return ""
		}
		want, allowed := "", false
		for _, scope := range scopes {
			allow, plain, block := has(Allow, scope, values[3]), has(Allow, scope, values[:3]...), cmp.Or(has(Block, scope, values[3]), has(Block, scope, values[:3]...))
			allowed = allowed || plain != ""
			if want = allow; want == "" && !allowed {
				want = block
			}
			if want != "" {
				break
			}
		}
		got, ok := f.Snapshot().FindFrom("ann@x.example", netip.MustParseAddr("192.0.2.1"), "ann@example.net")
		if got.Value != want || ok != (want != "") {
			t.Fatalf("%+v: got %+v, want %q", entries, got, want)
		}
	}
}

// Without a client, as where nobody connected, the sender alone is asked about.
func TestFindFromNowhere(t *testing.T) {
	f := newFixture(t)
	f.entry(t, Allow, "", "x.example", "global")
	if e, ok := f.Snapshot().FindFrom("ann@x.example", netip.Addr{}, "ann@example.net"); !ok || e.Value != "x.example" {
		t.Errorf("got %+v", e)
	}
}

// Such entries expire like all others.
func TestFindFromExpires(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	_, err := f.AddEntry(ctx, Entry{List: Allow, Value: "ann@x.example from 2001:db8::/64", Expires: f.clock.now().Add(time.Second)})
	wantErr(t, "add", err, nil)
	client, rcpt := netip.MustParseAddr("2001:db8::9"), mail.Path("eve@example.org")
	if _, ok := f.Snapshot().FindFrom("ann@x.example", client, rcpt); !ok {
		t.Error("not found")
	}
	f.clock.add(time.Second)
	if e, ok := f.Snapshot().FindFrom("ann@x.example", client, rcpt); ok {
		t.Errorf("expired: got %+v", e)
	}
}
