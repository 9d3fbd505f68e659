package directory

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"gatepost/internal/mail"
)

func TestFindClient(t *testing.T) {
	f := newFixture(t)
	for _, e := range []struct {
		list         List
		value, scope string
	}{
		{Block, "192.0.2.0/24", ""},
		{Block, "192.0.2.128/25", ""},
		{Allow, "192.0.2.7", ""},
		{Block, "192.0.2.7", "example.org"},
		{Allow, "192.0.2.200", "ann@example.net"},
		{Block, "192.0.0.0/16", "ann@example.net"},
		{Allow, "198.51.100.0/24", ""},
		{Block, "198.51.100.9", ""},
		{Block, "2001:db8::/32", ""},
		{Allow, "2001:db8:1::1", "example.net"},
		{Block, "203.0.0.0/8", "bob@example.net"},
	} {
		f.entry(t, e.list, "", e.value, e.scope)
	}
	for name, c := range map[string]struct {
		client string
		rcpt   mail.Path
		want   string // "list value scope"
	}{
		"global":                     {"192.0.2.1", "", "block 192.0.2.0/24 global"},
		"the longest is named":       {"192.0.2.129", "", "block 192.0.2.128/25 global"},
		"allow over block":           {"192.0.2.7", "", "allow 192.0.2.7 global"},
		"allow over a longer block":  {"198.51.100.9", "", "allow 198.51.100.0/24 global"},
		"domain over global":         {"192.0.2.7", "eve@example.org", "block 192.0.2.7 example.org"},
		"mailbox over all":           {"192.0.2.7", "ann@example.net", "block 192.0.0.0/16 ann@example.net"},
		"allow in the mailbox":       {"192.0.2.200", "ann@example.net", "allow 192.0.2.200 ann@example.net"},
		"sub-address":                {"192.0.2.200", "Ann+x@example.net", "allow 192.0.2.200 ann@example.net"},
		"alias of several":           {"192.0.2.200", "sales@example.net", "block 192.0.2.128/25 global"},
		"another's mailbox":          {"192.0.2.200", "eve@example.org", "block 192.0.2.128/25 global"},
		"IPv4 as IPv6":               {"::ffff:192.0.2.1", "", "block 192.0.2.0/24 global"},
		"NAT64":                      {"64:ff9b::192.0.2.1", "", "block 192.0.2.0/24 global"},
		"IPv6":                       {"2001:db8:5::1", "", "block 2001:db8::/32 global"},
		"IPv6 in the domain":         {"2001:db8:1::1", "nobody@example.net", "allow 2001:db8:1::1 example.net"},
		"all":                        {"203.0.113.5", "bob@example.net", "block 203.0.0.0/8 bob@example.net"},
		"all of the other family":    {"2a00::1", "bob@example.net", ""},
		"nothing":                    {"203.0.113.5", "ann@example.net", ""},
		"a domain that is not there": {"203.0.113.5", "x@elsewhere.example", ""},
	} {
		e, ok := f.Snapshot().FindClient(netip.MustParseAddr(c.client), c.rcpt)
		check(t, name, e, ok, c.want)
	}
	if _, ok := f.Snapshot().FindClient(netip.Addr{}, ""); ok {
		t.Error("the zero address was found")
	}
}

func check(t *testing.T, name string, e Entry, ok bool, want string) {
	t.Helper()
	got := ""
	if ok {
		got = fmt.Sprintf("%s %s %s", e.List, e.Value, e.Scope)
	}
	if got != want || ok && e.ID == 0 {
		t.Errorf("%s: got %q (entry %d), want %q", name, got, e.ID, want)
	}
}

func TestFindSenderAndAuthor(t *testing.T) {
	f := newFixture(t)
	f.entry(t, Block, "", "Bad@X.example", "")
	f.entry(t, Block, "", "x.example", "")
	f.entry(t, Block, "", ".x.example", "")
	f.entry(t, Block, "", ".b.x.example", "")
	f.entry(t, Allow, "", ".example", "example.org")
	f.entry(t, Allow, Author, "news.example", "ann@example.net")
	f.entry(t, Block, Author, ".news.example", "")
	for name, c := range map[string]struct {
		who, rcpt mail.Path
		sender    string
		author    string
	}{
		"address":         {"bad@x.example", "", "block bad@x.example global", ""},
		"its case":        {"BAD@x.example", "", "block bad@x.example global", ""},
		"no sub-address":  {"bad+1@x.example", "", "block x.example global", ""},
		"domain":          {"a@x.example", "", "block x.example global", ""},
		"below":           {"a@a.x.example", "", "block .x.example global", ""},
		"longest":         {"a@a.b.x.example", "", "block .b.x.example global", ""},
		"not quite below": {"a@ax.example", "", "", ""},
		"narrower scope":  {"bad@x.example", "eve@example.org", "allow .example example.org", ""},
		"author":          {"a@news.example", "ann@example.net", "", "allow news.example ann@example.net"},
		"author below":    {"a@b.news.example", "ann@example.net", "", "block .news.example global"},
		"another's":       {"a@news.example", "bob@example.net", "", ""},
		"null":            {"", "ann@example.net", "", ""},
	} {
		e, ok := f.Snapshot().FindSender(c.who, c.rcpt)
		check(t, name+" as sender", e, ok, c.sender)
		e, ok = f.Snapshot().FindAuthor(c.who, c.rcpt)
		check(t, name+" as author", e, ok, c.author)
	}
	for name, c := range map[string]struct {
		rcpt mail.Path
		list List
		want bool
	}{
		"of the mailbox": {"ann@example.net", Allow, true},
		"of nobody":      {"", Allow, false},
		"of another":     {"bob@example.net", Allow, false},
		"global block":   {"bob@example.net", Block, true},
	} {
		if got := f.Snapshot().HasAuthors(c.rcpt, c.list); got != c.want {
			t.Errorf("authors %s: got %t, want %t", name, got, c.want)
		}
	}
}

func TestEntriesExpire(t *testing.T) {
	f := newFixture(t)
	e := f.entry(t, Block, "", "x.example", "")
	until := f.clock.now().Add(time.Hour)
	_, err := f.ChangeEntry(t.Context(), e.ID, func(e *Entry) error { e.Expires, e.Value = until, "y.example"; return nil })
	wantErr(t, "change", err, nil)
	if got, ok := f.Snapshot().FindSender("a@x.example", ""); !ok || !got.Expires.Equal(until) {
		t.Errorf("before: got %+v, %t", got, ok)
	}
	f.clock.add(time.Hour)
	if got, ok := f.Snapshot().FindSender("a@x.example", ""); ok {
		t.Errorf("after: got %+v", got)
	}
}

func TestEntryOperations(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	e := f.entry(t, Allow, "", "192.0.2.0/24", "Example.NET")
	if e.Kind != Network || e.Scope != (Scope{DomainScope, "example.net"}) || e.ID == 0 || e.Origin != "admin" {
		t.Errorf("got %+v", e)
	}
	for name, c := range map[string]struct {
		e    Entry
		want error
	}{
		"twice":           {Entry{List: Allow, Value: "192.0.2.0/24", Scope: e.Scope}, ErrExists},
		"other list":      {Entry{List: Block, Value: "192.0.2.0/24", Scope: e.Scope}, ErrOutranked},
		"other scope":     {Entry{List: Block, Value: "192.0.2.0/24", Scope: Scope{DomainScope, "example.org"}}, nil},
		"no list":         {Entry{Value: "192.0.2.0/24"}, ErrInvalid},
		"no such domain":  {Entry{List: Allow, Value: "x.example", Scope: Scope{DomainScope, "elsewhere.example"}}, ErrNoDomain},
		"no such mailbox": {Entry{List: Allow, Value: "x.example", Scope: Scope{MailboxScope, "nobody@example.net"}}, ErrNoMailbox},
		"nameless scope":  {Entry{List: Allow, Value: "x.example", Scope: Scope{DomainScope, ""}}, ErrInvalid},
		"wrong scope":     {Entry{List: Allow, Value: "x.example", Scope: Scope{DomainScope, "ann@example.net"}}, ErrInvalid},
		"note":            {Entry{List: Allow, Value: "x.example", Note: "a\nb"}, ErrInvalid},
	} {
		_, err := f.AddEntry(ctx, c.e)
		wantErr(t, name, err, c.want)
	}
	f.Hit(e.ID)
	f.Hit(e.ID)
	all, err := f.Entries(ctx, EntryQuery{Value: " 192.0.2.0/24"})
	if err != nil || len(all) != 2 || all[0].Hits != 2 || !all[0].LastHit.Equal(f.clock.now()) {
		t.Errorf("entries: got %+v, %v", all, err)
	}
	wantErr(t, "remove", f.RemoveEntry(ctx, e.ID), nil)
	wantErr(t, "remove again", f.RemoveEntry(ctx, e.ID), ErrNoEntry)
	wantErr(t, "remove none", f.RemoveEntry(ctx, 0), ErrNoEntry)
	_, err = f.ChangeEntry(ctx, e.ID, func(*Entry) error { return nil })
	wantErr(t, "change removed", err, ErrNoEntry)
}

// A flush that fails loses no counts; beyond the bound new entries are not counted.
func TestHitsAreKeptAndBounded(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	down := fmt.Errorf("down")
	f.rows.failing = down
	f.Hit(7)
	wantErr(t, "flush", f.FlushHits(ctx), down)
	for id := range int64(maxHits + 10) {
		f.Hit(id)
	}
	if got := len(f.hits.pending); got != maxHits {
		t.Errorf("pending: got %d, want %d", got, maxHits)
	}
	f.rows.failing = nil
	wantErr(t, "flush", f.FlushHits(ctx), nil)
	if got := f.rows.entries[7].Hits; got != 2 {
		t.Errorf("hits: got %d, want 2", got)
	}
}

// The tables agree with a plain list of entries, whatever came and went.
func TestListsAgreeWithAPlainList(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	plain := map[Key]int64{}
	l := newLists()
	for round := range 60 {
		e := l.edit()
		for range 20 {
			k := Key{List: []List{Allow, Block}[r.IntN(2)], Scope: Global}
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(4)), 0}), 14+r.IntN(19)).Masked()
			k.Value = networkText(p)
			if r.IntN(3) == 0 {
				delete(plain, k)
				e.remove(k)
				continue
			}
			id := r.Int64N(1000)
			plain[k] = id
			e.put(k, ref{id: id})
		}
		before := l
		if l = e.done(); round == 0 {
			if sc, ok := before.scopes.get(Global); ok {
				t.Fatalf("the first table changed: %+v", sc)
			}
		}
		s := &Snapshot{lists: l, now: time.Now}
		for range 50 {
			client := netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(4)), byte(r.IntN(2))})
			got, ok := s.FindClient(client, "")
			if want, known := longest(plain, client); ok != known || known && got.Key() != want {
				t.Fatalf("round %d, %s: got %+v, want %+v", round, client, got, want)
			}
		}
	}
	e := l.edit()
	for k := range plain {
		e.remove(k)
	}
	if l = e.done(); len(l.scopes.page[l.scopes.number(Global)]) != 0 {
		t.Error("an empty scope stayed")
	}
}

func longest(plain map[Key]int64, client netip.Addr) (best Key, found bool) {
	rank := func(k Key) int {
		p, _ := parseNetwork(k.Value)
		if k.List == Allow {
			return 1000 + p.Bits()
		}
		return p.Bits()
	}
	for k := range plain {
		if p, _ := parseNetwork(k.Value); p.Contains(client) && (!found || rank(k) > rank(best)) {
			best, found = k, true
		}
	}
	return best, found
}

// A million entries have 200 MB; they take a third of it, so that there is room for a
// second table while one is loaded anew.
func TestListsAreSmall(t *testing.T) {
	const n, most = 100_000, 70
	before := heap()
	s := listsOf(t, n)
	each := float64(heap()-before) / n
	t.Logf("%.1f octets each", each)
	if each > most {
		t.Errorf("an entry costs %.1f octets, want at most %d", each, most)
	}
	for i := 0; i < n; i += 7 {
		want := mixed(i)
		if got, ok := s.lists.get(want.Key()); !ok || got.id != want.ID {
			t.Fatalf("%s: got %+v, %t; want entry %d", want.Value, got, ok, want.ID)
		}
	}
	e := s.lists.edit()
	for i := range n {
		if i%100 != 0 {
			k := mixed(i).Key()
			e.remove(k)
		}
	}
	s.lists = e.done()
	if left := heap() - before; left > n/100*1000 {
		t.Errorf("a hundredth of them takes %d octets", left)
	}
	runtime.KeepAlive(s)
}
