package directory

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// TestFieldNote11OnePrecedence: whatever stands in which lists, the entry that counts is the
// narrowest scope's, and there the one that allows; and the others are told in order.
func TestFieldNote11OnePrecedence(t *testing.T) {
	client := netip.MustParseAddr("192.0.2.7")
	const who, rcpt = mail.Path("eve@shop.example"), mail.Path("ann@example.net")
	scopes := []string{"ann@example.net", "example.net", "global"}
	for set := 1; set < 1<<6; set++ {
		f := newFixture(t)
		var want []string
		for i := range 6 {
			list, scope := []List{Allow, Block}[i%2], scopes[i/2]
			if set&(1<<i) == 0 {
				continue
			}
			want = append(want, fmt.Sprint(list, " ", scope))
			in, err := ParseScope(scope)
			if err != nil {
				t.Fatal(err)
			}
			var file strings.Builder // since some would be refused one by one
			fmt.Fprintf(&file, "list,kind,value,scope\n%s,,192.0.2.0/24,%s\n%s,,shop.example,%s\n%s,author,.example,%s\n", list, in, list, in, list, in)
			if _, err := f.ImportEntries(t.Context(), strings.NewReader(file.String()), Import{}); err != nil {
				t.Fatal(err)
			}
		}
		s := f.Snapshot()
		for name, found := range map[string][]Entry{
			"client": s.ClientEntries(client, rcpt), "sender": s.SenderEntries(who, client, rcpt), "author": s.AuthorEntries(who, rcpt),
		} {
			var got []string
			for _, e := range found {
				got = append(got, fmt.Sprint(e.List, " ", e.Scope))
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		first, _ := s.FindClient(client, rcpt)
		if byName, _ := s.FindSender(who, rcpt); fmt.Sprint(first.List, " ", first.Scope) != want[0] || byName.Scope != first.Scope || byName.List != first.List {
			t.Errorf("of %q: found %s %s and %s %s", want, first.List, first.Scope, byName.List, byName.Scope)
		}
	}
}

// An entry that could never count is refused; one that counts for some, or later, is not.
func TestFieldNote11RefusesWhatNeverCounts(t *testing.T) {
	const box = "ann@example.net"
	for name, c := range map[string]struct {
		there Entry // allows
		add   Entry
		want  error
	}{
		"the same":              {Entry{Value: "x.example"}, Entry{Value: "x.example"}, ErrOutranked},
		"an address":            {Entry{Value: "x.example"}, Entry{Value: "a@x.example"}, ErrOutranked},
		"below":                 {Entry{Value: ".example"}, Entry{Value: ".x.example"}, ErrOutranked},
		"a domain below":        {Entry{Value: ".example"}, Entry{Value: "x.example"}, ErrOutranked},
		"not what is above":     {Entry{Value: ".x.example"}, Entry{Value: "x.example"}, nil},
		"more than that":        {Entry{Value: "x.example"}, Entry{Value: ".x.example"}, nil},
		"an address among more": {Entry{Value: "a@x.example"}, Entry{Value: "x.example"}, nil},
		"a network in one":      {Entry{Value: "192.0.2.0/24"}, Entry{Value: "192.0.2.128/25"}, ErrOutranked},
		"an address in one":     {Entry{Value: "2001:db8::/32"}, Entry{Value: "2001:db8::1"}, ErrOutranked},
		"a network around one":  {Entry{Value: "192.0.2.0/24"}, Entry{Value: "192.0.0.0/16"}, nil},
		"the other family":      {Entry{Value: "::/16"}, Entry{Value: "192.0.2.1"}, nil},
		"from a network":        {Entry{Value: "a@x.example from 192.0.2.0/24"}, Entry{Value: "a@x.example from 192.0.2.0/24"}, ErrOutranked},
		"allowed from anywhere": {Entry{Value: "x.example"}, Entry{Value: "a@x.example from 192.0.2.0/24"}, ErrOutranked},
		"allowed from one":      {Entry{Value: "a@x.example from 192.0.2.0/24"}, Entry{Value: "a@x.example"}, nil},
		"an author":             {Entry{Kind: Author, Value: "x.example"}, Entry{Kind: Author, Value: "a@x.example"}, ErrOutranked},
		"an author's sender":    {Entry{Kind: Author, Value: "x.example"}, Entry{Value: "a@x.example"}, nil},
		"a narrower scope":      {Entry{Value: "x.example"}, Entry{Value: "x.example", Scope: Scope{MailboxScope, box}}, nil},
		"until then":            {Entry{Value: "x.example", Expires: time.Now().Add(1e6 * time.Hour)}, Entry{Value: "x.example"}, nil},
		"no longer than that":   {Entry{Value: "x.example", Expires: time.Now().Add(1e6 * time.Hour)}, Entry{Value: "x.example", Expires: time.Now().Add(1e5 * time.Hour)}, ErrOutranked},
	} {
		f := newFixture(t)
		c.there.List, c.add.List = Allow, Block
		if _, err := f.AddEntry(t.Context(), c.there); err != nil {
			t.Fatal(err)
		}
		_, err := f.AddEntry(t.Context(), c.add)
		wantErr(t, name, err, c.want)
	}
}

// What Outranking says is true: whoever matches the entry that is outranked, the other
// decides about.
func TestOutrankedNeverCounts(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	values := []string{"x.example", ".x.example", ".example", "a@x.example", "a@b.x.example", "b.x.example", "a@x.example from 192.0.2.0/24"}
	who := []mail.Path{"a@x.example", "b@x.example", "a@b.x.example", "a@c.example", "a@c.b.x.example"}
	near := netip.MustParseAddr("192.0.2.7")
	outranked := 0
	for range 500 {
		f := newFixture(t)
		in := []Scope{Global, {DomainScope, "example.net"}}[r.IntN(2)]
		f.entry(t, Allow, "", values[r.IntN(len(values))], in.String())
		e := Entry{List: Block, Value: values[r.IntN(len(values))], Scope: in}
		e, err := e.canonical()
		if err != nil {
			t.Fatal(err)
		}
		_, is := f.Snapshot().Outranking(e)
		e, err = f.EnsureEntry(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		counts := false
		for _, sender := range who {
			got, ok := f.Snapshot().FindFrom(sender, near, "ann@example.net")
			counts = counts || ok && got.ID == e.ID
		}
		if is && counts {
			t.Errorf("%s in %s counts, and was said to be outranked", e.Value, in)
		}
		if is {
			outranked++
		}
	}
	if outranked < 50 {
		t.Errorf("only %d were outranked", outranked)
	}
}
