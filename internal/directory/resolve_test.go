package directory

import (
	"slices"
	"testing"

	"gatepost/internal/mail"
)

func TestResolve(t *testing.T) {
	f := newFixture(t)
	f.alias(t, "all@example.org", "sales@example.net", "eve@example.org", "ann+all@example.net")
	f.mailbox(t, "ann+private@example.net")
	f.mailbox(t, "shut@example.net")
	f.state(t, "shut@example.net", Closed)
	f.mailbox(t, "away@example.org")
	f.state(t, "away@example.org", Closed)
	f.mailbox(t, "waiting@example.org")
	f.state(t, "waiting@example.org", Suspended)
	f.alias(t, "mixed@example.org", "away@example.org", "eve@example.org")
	f.alias(t, "dead@example.org", "away@example.org")
	f.domain(t, "empty.example")
	for name, c := range map[string]struct {
		rcpt mail.Path
		want []mail.Path
		err  error
	}{
		"itself":                     {"ann@example.net", []mail.Path{"ann@example.net"}, nil},
		"whatever the case":          {"Ann@example.net", []mail.Path{"ann@example.net"}, nil},
		"sub-address":                {"ann+shop@example.net", []mail.Path{"ann@example.net"}, nil},
		"sub-address of its own":     {"ann+private@example.net", []mail.Path{"ann+private@example.net"}, nil},
		"alias":                      {"sales@example.net", []mail.Path{"ann@example.net", "bob@example.net"}, nil},
		"sub-address of an alias":    {"sales+fair@example.net", []mail.Path{"ann@example.net", "bob@example.net"}, nil},
		"aliases behind, each once":  {"all@example.org", []mail.Path{"ann@example.net", "bob@example.net", "eve@example.org"}, nil},
		"who is away is left out":    {"mixed@example.org", []mail.Path{"eve@example.org"}, nil},
		"all are away":               {"dead@example.org", nil, ErrClosed},
		"suspended, and takes mail":  {"waiting@example.org", []mail.Path{"waiting@example.org"}, nil},
		"closed":                     {"shut@example.net", nil, ErrClosed},
		"nobody":                     {"nobody@example.net", nil, ErrNoMailbox},
		"elsewhere":                  {"ann@elsewhere.example", nil, ErrNoDomain},
		"a longer domain":            {"ann@example.nets", nil, ErrNoDomain},
		"a shorter one":              {"ann@example.ne", nil, ErrNoDomain},
		"literal":                    {"ann@[192.0.2.1]", nil, ErrNoDomain},
		"nobody is postmaster":       {"Postmaster@example.org", []mail.Path{"eve@example.org"}, nil},
		"nobody is abuse":            {"abuse@example.net", []mail.Path{"ann@example.net"}, nil},
		"postmaster of an empty one": {"postmaster@empty.example", []mail.Path{"ann@example.net"}, nil},
		"postmaster of this node":    {"postmaster@mx.example.com", []mail.Path{"ann@example.net"}, nil},
		"others of this node":        {"ann@mx.example.com", nil, ErrNoDomain},
		"null":                       {"", nil, ErrNoDomain},
	} {
		r, err := f.Snapshot().Resolve(c.rcpt)
		wantErr(t, name, err, c.err)
		var got []mail.Path
		for _, b := range r.Boxes {
			got = append(got, b.Address)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	r, _ := f.Snapshot().Resolve("all@example.org")
	if want := []mail.Path{"all@example.org", "sales@example.net"}; !slices.Equal(r.Via, want) || r.Domain.Name != "example.org" {
		t.Errorf("got via %q in %s, want %q in example.org", r.Via, r.Domain.Name, want)
	}
}

// abuse goes to postmaster where there is one; a postmaster out of use is none.
func TestRoles(t *testing.T) {
	f := newFixture(t)
	f.mailbox(t, "postmaster@example.net")
	for state, want := range map[State]mail.Path{Active: "postmaster@example.net", Closed: "ann@example.net"} {
		f.state(t, "postmaster@example.net", state)
		for _, rcpt := range []mail.Path{"abuse@example.net", "postmaster@example.net", "postmaster@mx.example.com"} {
			r, err := f.Snapshot().Resolve(rcpt)
			if err != nil || len(r.Boxes) != 1 || r.Boxes[0].Address != want {
				t.Errorf("%s while postmaster is %s: got %+v, %v; want %s", rcpt, state, r.Boxes, err, want)
			}
		}
	}
}

// A node of one domain knows that it is.
func TestAlone(t *testing.T) {
	f := fixture{rows: &memRows{entries: map[int64]Entry{}}, clock: &clock{}}
	f.Directory = f.open(t)
	for n, name := range []string{"example.net", "example.org"} {
		f.domain(t, name)
		if got := f.Snapshot().Alone(); got != (n == 0) {
			t.Errorf("with %s: got %t", name, got)
		}
	}
}
