package directory

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

// The list of a domain has who is in use, not locked and not hidden, by address, in parts; words are looked for in names and
// addresses, whatever their case and accents.
func TestAddresses(t *testing.T) {
	d := newFixture(t)
	ctx := t.Context()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(d.AddDomain(ctx, Domain{Name: "other.example"}))
	must(d.AddDomain(ctx, Domain{Name: "list.example"}))
	for _, m := range []Mailbox{
		{Address: "zoe@list.example", Name: "Zoë  Lefèvre "}, {Address: "ann@list.example", Name: "Ann Müller"}, {Address: "hidden@list.example", Unlisted: true},
		{Address: "off@list.example"}, {Address: "shut@list.example"}, {Address: "locked@list.example"}, {Address: "info@list.example"}, {Address: "ann@other.example", Name: "Ann"},
	} {
		must(d.AddMailbox(ctx, m, ""))
	}
	for name, state := range map[mail.Path]State{"off@list.example": Suspended, "shut@list.example": Closed} {
		must(d.ChangeMailbox(ctx, name, func(m *Mailbox) error { m.State = state; return nil }))
	}
	must(d.SetLock(ctx, "locked@list.example", true, "root"))
	for _, c := range []struct {
		q    AddressQuery
		want string
	}{
		{AddressQuery{Limit: 10}, "ann info zoe"},
		{AddressQuery{Limit: 2}, "ann info"},
		{AddressQuery{Limit: 2, After: "info@list.example"}, "zoe"},
		{AddressQuery{Limit: 2, After: "zoe@list.example"}, ""},
		{AddressQuery{Limit: 0}, ""},
		{AddressQuery{Limit: 10, Search: "LEFEVRE zoe"}, "zoe"},
		{AddressQuery{Limit: 10, Search: "zoë info"}, ""},
		{AddressQuery{Limit: 10, Search: "fo@li"}, "info"},
		{AddressQuery{Limit: 10, Search: "hidden"}, ""},
		{AddressQuery{Limit: 10, In: func(m Mailbox) bool { return m.Address != "info@list.example" }}, "ann zoe"},
	} {
		var got []string
		c.q.Domain = "list.example"
		for _, m := range d.Snapshot().Addresses(c.q) {
			got = append(got, m.Address.Local())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: got %v, want %s", c.q, got, c.want)
		}
	}
	if m, _ := d.Snapshot().Mailbox("zoe@list.example"); m.Name != "Zoë Lefèvre" {
		t.Errorf("the name is kept as %q", m.Name)
	}
}

// Parts of any size are all of the list, each address once and in order, however the rows come.
func TestAddressesInParts(t *testing.T) {
	d := newFixture(t)
	if _, err := d.AddDomain(t.Context(), Domain{Name: "list.example"}); err != nil {
		t.Fatal(err)
	}
	const many = 40
	var want []string
	for i := range many {
		m := Mailbox{Address: mail.Path(fmt.Sprintf("p%02d@list.example", i*17%many))}
		if _, err := d.AddMailbox(t.Context(), m, ""); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("p%02d", i))
	}
	for limit := 1; limit <= many+1; limit++ {
		var got []string
		for q := (AddressQuery{Domain: "list.example", Limit: limit}); ; {
			part := d.Snapshot().Addresses(q)
			for _, m := range part {
				got = append(got, m.Address.Local())
			}
			if len(part) < limit || len(got) > many {
				break
			}
			q.After = part[limit-1].Address
		}
		if !slices.Equal(got, want) {
			t.Errorf("in parts of %d: got %v", limit, got)
		}
	}
}

// A name is a line that can be seen; what is listed is one of three words.
func TestAddressListSettings(t *testing.T) {
	d := newFixture(t)
	ctx := t.Context()
	if _, err := d.AddMailbox(ctx, Mailbox{Address: "ann@example.org"}, ""); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a\u202egnp", "a\x00b", "\xff", strings.Repeat("é", MaxPersonName/2+1)} {
		_, err := d.ChangeMailbox(ctx, "ann@example.org", func(m *Mailbox) error { m.Name = name; return nil })
		wantErr(t, name, err, ErrInvalid)
	}
	for word, want := range map[AddressList]AddressList{"domain": ListDomain, "groups": ListGroups, "off": ListNobody, "": ListNobody} {
		dom, err := d.ChangeDomain(ctx, "example.org", func(dom *Domain) error { dom.AddressList = word; return nil })
		if err != nil || dom.AddressList != want {
			t.Errorf("%s: got %q, %v", word, dom.AddressList, err)
		}
	}
	_, err := d.ChangeDomain(ctx, "example.org", func(dom *Domain) error { dom.AddressList = "all"; return nil })
	wantErr(t, "all", err, ErrInvalid)
}

// Members has whom Groups says to be in it, and nobody else.
func TestMembers(t *testing.T) {
	d := newFixture(t)
	ctx := t.Context()
	for i := range 4 {
		if _, err := d.AddMailbox(ctx, Mailbox{Address: mail.Path(fmt.Sprintf("m%d@example.org", i))}, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range []Alias{
		{Address: "team@example.org", Targets: []mail.Path{"m0@example.org", "m1+x@example.org", "far@elsewhere.example"}},
		{Address: "all@example.org", Kind: Distribution, Targets: []mail.Path{"team@example.org", "m2@example.org"}, Owner: "m3@example.org"},
		{Address: "away@example.org", Kind: Forward, Targets: []mail.Path{"far@elsewhere.example"}},
	} {
		if _, err := d.AddAlias(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	s := d.Snapshot()
	for _, a := range append(s.Aliases(""), Alias{Address: "none@example.org"}) {
		want := map[int64]bool{}
		for m := range s.Mailboxes("") {
			if slices.Contains(s.Groups(m.Address), a.Address) {
				want[m.ID] = true
			}
		}
		if got := s.Members(a.Address); !maps.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", a.Address, got, want)
		}
	}
	if n := len(s.Members("all@example.org")); n != 3 {
		t.Errorf("%d are in all@, want 3", n)
	}
}

// A page of the list of a domain with 100,000 mailboxes, where nobody has the word.
func BenchmarkAddresses(b *testing.B) {
	s := large(b)
	edit := s.build()
	for i := range 100_000 {
		m := Mailbox{ID: int64(1_000_000 + i), Address: mail.Path(fmt.Sprintf("user%d@one.example", 99_999-i)), Name: "Zoë Lefèvre", State: Active}
		if err := edit.apply(Change{Mailbox: &m}); err != nil {
			b.Fatal(err)
		}
	}
	s = edit.done(2)
	for name, q := range map[string]AddressQuery{"page": {}, "search": {Search: "nobody"}} {
		b.Run(name, func(b *testing.B) {
			for q.Domain, q.Limit = "one.example", 51; b.Loop(); {
				s.Addresses(q)
			}
		})
	}
	b.Run("file", func(b *testing.B) { // all of it, in parts
		for b.Loop() {
			q := AddressQuery{Domain: "one.example", Search: "zoe", Limit: 5000}
			for part := s.Addresses(q); len(part) == q.Limit; part = s.Addresses(q) {
				q.After = part[len(part)-1].Address
			}
		}
	})
}
