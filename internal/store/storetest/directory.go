package storetest

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

// DirectoryRows is what the directory asks of a store.
type DirectoryRows interface {
	directory.Rows
	directory.Entries
	directory.Uses
}

// Directory tests that what open returns keeps the directory's contract. Each call
// of open is a new, empty directory.
func Directory(t *testing.T, open func(*testing.T) DirectoryRows) {
	for name, test := range map[string]func(*testing.T, DirectoryRows){
		"rows come back as they were":      directoryRoundTrip,
		"no hours and none said":           directoryHours,
		"IDs are never used again":         directoryIDs,
		"a change on an old plan is none":  directoryMoved,
		"what is gone is told":             directoryGone,
		"gone and come again":              directoryGoneAndBack,
		"who is ahead loads anew":          directoryAhead,
		"entries are found and paged":      directoryEntries,
		"uses of passwords":                directoryUses,
		"a sender goes and comes again":    directorySender,
		"hits add up without a revision":   directoryHits,
		"an entry of each list and author": directorySameValue,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var directoryTime = time.Date(2026, 11, 20, 10, 30, 0, 123000, time.UTC)

func directoryLoad(t *testing.T, rows directory.Rows, since int64) (changes []directory.Change, revision int64) {
	t.Helper()
	revision, err := rows.Load(t.Context(), since, func(c directory.Change) error {
		changes = append(changes, c)
		return nil
	})
	if err != nil {
		t.Fatalf("load since %d: %v", since, err)
	}
	return changes, revision
}

func directoryApply(t *testing.T, rows directory.Rows, base int64, changes ...directory.Change) {
	t.Helper()
	if err := rows.Apply(t.Context(), base, changes); err != nil {
		t.Fatalf("apply on %d: %v", base, err)
	}
}

func directoryEntry(list directory.List, kind directory.Kind, value string, scope directory.Scope) *directory.Entry {
	return &directory.Entry{List: list, Kind: kind, Value: value, Scope: scope, Origin: "admin", Note: "a note", Created: directoryTime}
}

func directoryRoundTrip(t *testing.T, rows DirectoryRows) {
	if changes, revision := directoryLoad(t, rows, 0); len(changes) != 0 || revision != 0 {
		t.Fatalf("empty directory: got %d changes, revision %d", len(changes), revision)
	}
	dom := directory.Domain{Name: "example.net", Policy: "strict", Disposition: directory.Junk, Challenge: directory.Off, Created: directoryTime}
	box := directory.Mailbox{Address: "ann@example.net", Password: directory.Verifier{Hash: "h", SCRAM: "s"}, Language: "fr", State: directory.Suspended, Created: directoryTime}
	box.Disposition, box.Level, box.NoDigest, box.Locked = directory.Tag, 5, true, true
	box.Name, box.Unlisted = "Ann Müller", true
	box.Apps = []directory.AppPassword{{ID: 1 << 62, Name: "a\tphone", Created: directoryTime, SCRAM: "k1"}, {ID: 7, Name: "mutt", Created: directoryTime, SCRAM: "k2"}}
	box.Limits = directory.Limits{Bytes: 1, Messages: -1, Inbound: 3, InboundBytes: 9}
	box.Copies = []mail.Path{"bob@example.net", "Ann@Elsewhere.example"}
	alias := directory.Alias{
		Address: "sales@example.net", Kind: directory.Distribution, Targets: []mail.Path{`"a b"@example.net`, "ann@example.net"},
		Post: directory.PostMembers, Owner: "ann@example.net", Created: directoryTime,
	}
	dom.Names, dom.CatchAll, dom.Hosts, dom.Smarthost, dom.Lookup = []string{"example.com", "example.org"}, "Any@elsewhere.example", []string{"a", "b"}, "c", "people"
	dom.Language, dom.Zone, dom.DigestHours, dom.Challenged = "fr", "Europe/Paris", []int{6, 14}, directory.AllowedMailbox
	dom.Owners = []directory.May{directory.MayDigest, directory.MayLevel, directory.MayLock, directory.MayCollect}
	dom.Each, dom.Total = directory.Limits{Bytes: 4, Messages: 5, Inbound: 6, InboundBytes: 10}, directory.Limits{Bytes: 7, Messages: 8}
	dom.JunkDays, dom.TrashDays, dom.ArchiveDays = 9, -1, 3650
	dom.SignsReturns = directoryTime.Add(time.Hour)
	dom.MailNames = []string{"mail.a.example", "imap.a.example"}
	dom.Rules = directory.Rules{In: "keep;", Out: "# é\r\nstop;", Local: "discard;"}
	dom.AddressList = directory.ListGroups
	dom.ShutPages, box.ShutPages = []directory.Page{directory.PageRules, directory.PageAntiSpam}, []directory.Page{directory.PagePassword}
	host := directory.Host{
		Name: "a", Address: "[2001:db8::1]:24", Roles: []directory.Role{directory.IMAP, directory.SMTPIn}, Protocol: directory.LMTP, TLS: directory.TLSVerify, Spam: directory.SpamTagged,
		Priority: 7, User: "us", Password: "secret", Created: directoryTime, Domain: "example.net",
	}
	admin := directory.Admin{
		Name: "dora", Password: directory.Verifier{Hash: "h2", SCRAM: "s2"}, Role: directory.Helpdesk, Domains: []string{"example.net", "example.org"},
		Rights: []string{"held.release", "held.view"}, Language: "fr", State: directory.Suspended, Created: directoryTime,
	}
	machine := directory.Sender{
		Name: "scanner@example.net", Also: []string{"example.com", "example.org"}, SCRAM: "k", Keys: []string{"ab", "cd"}, Off: true, Created: directoryTime,
		Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28"), netip.MustParsePrefix("2001:db8::/64")},
	}
	entry := directoryEntry(directory.Block, directory.Network, "192.0.2.0/24", directory.Scope{Kind: directory.MailboxScope, Name: "ann@example.net"})
	entry.Expires = directoryTime.Add(time.Hour)
	directoryApply(t, rows, 0, directory.Change{Domain: &dom}, directory.Change{Mailbox: &box}, directory.Change{Alias: &alias}, directory.Change{Entry: entry}, directory.Change{Host: &host}, directory.Change{Admin: &admin}, directory.Change{Sender: &machine},
		directory.Change{Note: &directory.Note{Time: directoryTime, Who: "root", What: directory.NoteLocked, Whom: "ann@example.net"}})
	if admin.ID != 0 || host.ID != 0 || dom.ID != 0 || box.ID != 0 || entry.ID != 0 {
		t.Error("Apply changed what it was given")
	}
	changes, revision := directoryLoad(t, rows, 0)
	if revision != 1 || len(changes) != 7 {
		t.Fatalf("got %d changes, revision %d; want 7, 1", len(changes), revision)
	}
	for _, c := range changes {
		switch {
		case c.Gone:
			t.Errorf("gone: %+v", c)
		case c.Domain != nil:
			same(t, &c.Domain.ID, *c.Domain, &dom.ID, &dom)
		case c.Host != nil:
			same(t, &c.Host.ID, *c.Host, &host.ID, &host)
		case c.Admin != nil:
			same(t, &c.Admin.ID, *c.Admin, &admin.ID, &admin)
		case c.Sender != nil:
			same(t, &c.Sender.ID, *c.Sender, &machine.ID, &machine)
		case c.Mailbox != nil:
			same(t, &c.Mailbox.ID, *c.Mailbox, &box.ID, &box)
		case c.Alias != nil:
			if !reflect.DeepEqual(*c.Alias, alias) {
				t.Errorf("alias: got %+v, want %+v", *c.Alias, alias)
			}
		case c.Entry != nil:
			found := *entry
			found.Origin, found.Note, found.Created = "", "", time.Time{} // need not be loaded
			c.Entry.Origin, c.Entry.Note, c.Entry.Created = "", "", time.Time{}
			same(t, &c.Entry.ID, *c.Entry, &found.ID, &found)
		}
	}
}

// same compares two rows but for the ID, which got must have been given.
func same[T any](t *testing.T, gotID *int64, got T, wantID *int64, want *T) {
	t.Helper()
	*wantID = *gotID
	if !reflect.DeepEqual(got, *want) || *gotID == 0 {
		t.Errorf("got %+v, want %+v with an ID", got, *want)
	}
}

// A sender that is gone is told, to who comes later too, and one of its name is another.
func directorySender(t *testing.T, rows DirectoryRows) {
	n := directory.Sender{Name: "scanner@example.net", SCRAM: "k"}
	directoryApply(t, rows, 0, directory.Change{Sender: &n})
	first, _ := directoryLoad(t, rows, 0)
	if first[0].Sender.Off || first[0].Sender.Barred {
		t.Errorf("it is %+v", first[0].Sender)
	}
	directoryApply(t, rows, 1, directory.Change{Sender: &n, Gone: true})
	for _, since := range []int64{0, 1} {
		changes, _ := directoryLoad(t, rows, since)
		if len(changes) != 1 || !changes[0].Gone || changes[0].Sender == nil || changes[0].Sender.Name != n.Name {
			t.Fatalf("gone, since %d: %+v", since, changes)
		}
	}
	n.Off, n.Barred = true, true
	directoryApply(t, rows, 2, directory.Change{Sender: &n})
	changes, _ := directoryLoad(t, rows, 2)
	if len(changes) != 1 || changes[0].Gone || changes[0].Sender == nil || changes[0].Sender.ID == first[0].Sender.ID || !changes[0].Sender.Off || !changes[0].Sender.Barred {
		t.Errorf("come again, switched off by an operator: %+v", changes)
	}
}

// Hours that are none come back as that, and those that are not said as not said.
func directoryHours(t *testing.T, rows DirectoryRows) {
	for i, hours := range [][]int{nil, {}, {0}, nil} {
		directoryApply(t, rows, int64(i), directory.Change{Domain: &directory.Domain{Name: "example.net", DigestHours: hours}})
		changes, _ := directoryLoad(t, rows, int64(i))
		if len(changes) != 1 || !reflect.DeepEqual(changes[0].Domain.DigestHours, hours) {
			t.Errorf("hours %#v: got %#v", hours, changes[0].Domain.DigestHours)
		}
	}
}

func directoryIDs(t *testing.T, rows DirectoryRows) {
	seen := map[int64]bool{}
	for i := range int64(3) {
		box := directory.Mailbox{Address: "ann@example.net", State: directory.Active}
		directoryApply(t, rows, 2*i, directory.Change{Mailbox: &box})
		changes, _ := directoryLoad(t, rows, 2*i)
		for _, c := range changes {
			if c.Gone {
				continue
			}
			if id := c.Mailbox.ID; id == 0 || seen[id] {
				t.Errorf("round %d: ID %d was there before", i, id)
			}
			seen[c.Mailbox.ID] = true
		}
		directoryApply(t, rows, 2*i+1, directory.Change{Mailbox: &box, Gone: true})
	}
	var three []directory.Change
	for _, a := range []mail.Path{"a@example.net", "b@example.net", "c@example.net"} {
		three = append(three, directory.Change{Mailbox: &directory.Mailbox{Address: a}})
	}
	directoryApply(t, rows, 6, three...)
	directoryApply(t, rows, 7, directory.Change{Domain: &directory.Domain{Name: "example.net"}})
	changes, _ := directoryLoad(t, rows, 6)
	for _, c := range changes {
		if c.Mailbox != nil {
			seen[c.Mailbox.ID] = true
		} else if c.Domain != nil {
			seen[c.Domain.ID] = true
		}
	}
	if len(seen) != 7 {
		t.Errorf("got %d IDs, want 7", len(seen))
	}
}

func directoryMoved(t *testing.T, rows DirectoryRows) {
	directoryApply(t, rows, 0, directory.Change{Domain: &directory.Domain{Name: "one.example"}})
	for _, base := range []int64{0, 2} {
		err := rows.Apply(t.Context(), base, []directory.Change{{Domain: &directory.Domain{Name: "two.example"}}})
		if !errors.Is(err, directory.ErrMoved) {
			t.Errorf("apply on %d at 1: got %v, want ErrMoved", base, err)
		}
	}
	if changes, revision := directoryLoad(t, rows, 0); len(changes) != 1 || revision != 1 {
		t.Errorf("got %d changes, revision %d; want 1, 1", len(changes), revision)
	}
}

func directoryGone(t *testing.T, rows DirectoryRows) {
	dom := directory.Domain{Name: "example.net"}
	box := directory.Mailbox{Address: "ann@example.net"}
	alias := directory.Alias{Address: "sales@example.net", Targets: []mail.Path{"ann@example.net"}}
	entry := directoryEntry(directory.Allow, directory.Author, `"a b"@x.example`, directory.Scope{Kind: directory.DomainScope, Name: "example.net"})
	admin := directory.Admin{Name: "dora"}
	directoryApply(t, rows, 0, directory.Change{Domain: &dom}, directory.Change{Mailbox: &box}, directory.Change{Alias: &alias}, directory.Change{Entry: entry}, directory.Change{Admin: &admin})
	directoryApply(t, rows, 1, directory.Change{Admin: &admin, Gone: true}, directory.Change{Domain: &dom, Gone: true}, directory.Change{Mailbox: &box, Gone: true},
		directory.Change{Alias: &alias, Gone: true}, directory.Change{Entry: entry, Gone: true})
	for _, since := range []int64{0, 1} {
		changes, _ := directoryLoad(t, rows, since)
		if len(changes) != 5 {
			t.Fatalf("since %d: got %d changes, want 5", since, len(changes))
		}
		for _, c := range changes {
			ok := c.Gone && (c.Domain != nil && c.Domain.Name == dom.Name || c.Mailbox != nil && c.Mailbox.Address == box.Address ||
				c.Alias != nil && c.Alias.Address == alias.Address || c.Admin != nil && c.Admin.Name == admin.Name || c.Entry != nil && c.Entry.Key() == entry.Key())
			if !ok {
				t.Errorf("since %d: unexpected %+v", since, c)
			}
		}
	}
}

func directoryGoneAndBack(t *testing.T, rows DirectoryRows) {
	dom := directory.Domain{Name: "example.net"}
	directoryApply(t, rows, 0, directory.Change{Domain: &dom})
	directoryApply(t, rows, 1, directory.Change{Domain: &dom, Gone: true})
	directoryApply(t, rows, 2, directory.Change{Domain: &dom})
	changes, _ := directoryLoad(t, rows, 1)
	if len(changes) != 2 || !changes[0].Gone || changes[1].Gone {
		t.Errorf("got %+v; want it gone, then there", changes)
	}
}

func directoryAhead(t *testing.T, rows DirectoryRows) {
	_, err := rows.Load(t.Context(), 7, func(directory.Change) error { return nil })
	if !errors.Is(err, directory.ErrBehind) {
		t.Errorf("load from a revision that is not there: got %v, want ErrBehind", err)
	}
}

func directoryEntries(t *testing.T, rows DirectoryRows) {
	inDomain := directory.Scope{Kind: directory.DomainScope, Name: "example.net"}
	inBox := directory.Scope{Kind: directory.MailboxScope, Name: `"a@b"@example.net`}
	last := directoryEntry(directory.Allow, directory.Address, "x%y@ann.example", inBox)
	last.Origin, last.Expires = "challenge", directoryTime
	directoryApply(t, rows, 0,
		directory.Change{Mailbox: &directory.Mailbox{Address: `"a@b"@example.net`, Locked: true}},
		directory.Change{Entry: directoryEntry(directory.Allow, directory.Network, "192.0.2.1", directory.Global)},
		directory.Change{Entry: directoryEntry(directory.Block, directory.DomainName, "bad.example", directory.Global)},
		directory.Change{Entry: directoryEntry(directory.Block, directory.Author, "bad.example", inDomain)},
		directory.Change{Entry: directoryEntry(directory.Block, directory.Address, "a@bad.example", inDomain)},
		directory.Change{Entry: last})
	for name, c := range map[string]struct {
		q    directory.EntryQuery
		want []string
	}{
		"all":                       {directory.EntryQuery{}, []string{"192.0.2.1", "bad.example", "bad.example", "a@bad.example", "x%y@ann.example"}},
		"list":                      {directory.EntryQuery{List: directory.Block}, []string{"bad.example", "bad.example", "a@bad.example"}},
		"kind":                      {directory.EntryQuery{Kind: directory.Author}, []string{"bad.example"}},
		"value":                     {directory.EntryQuery{Value: "bad.example"}, []string{"bad.example", "bad.example"}},
		"scope":                     {directory.EntryQuery{Scopes: []directory.Scope{inDomain}}, []string{"bad.example", "a@bad.example"}},
		"global":                    {directory.EntryQuery{Scopes: []directory.Scope{directory.Global}}, []string{"192.0.2.1", "bad.example"}},
		"three scopes":              {directory.EntryQuery{Scopes: []directory.Scope{inDomain, inBox, directory.Global}, List: directory.Allow}, []string{"192.0.2.1", "x%y@ann.example"}},
		"a domain":                  {directory.EntryQuery{Domains: []string{"example.net"}}, []string{"bad.example", "a@bad.example", "x%y@ann.example"}},
		"domains and scopes":        {directory.EntryQuery{Domains: []string{"other.example", "example.net", "third.example"}, Scopes: []directory.Scope{directory.Global}, List: directory.Allow}, []string{"192.0.2.1", "x%y@ann.example"}},
		"of no locked mailbox":      {directory.EntryQuery{Domains: []string{"example.net"}, Unlocked: true}, []string{"bad.example", "a@bad.example"}},
		"another domain":            {directory.EntryQuery{Domains: []string{"ample.net"}}, nil},
		"a part":                    {directory.EntryQuery{Part: "BAD"}, []string{"bad.example", "bad.example", "a@bad.example"}},
		"a part as it stands":       {directory.EntryQuery{Part: "x%"}, []string{"x%y@ann.example"}},
		"nothing stands for a part": {directory.EntryQuery{Part: "_"}, nil},
		"origin":                    {directory.EntryQuery{Origin: "challenge"}, []string{"x%y@ann.example"}},
		"over":                      {directory.EntryQuery{Over: directoryTime.Add(2)}, nil},
		"over since":                {directory.EntryQuery{Over: directoryTime.Add(time.Second)}, []string{"x%y@ann.example"}},
		"none":                      {directory.EntryQuery{ID: 999}, nil},
	} {
		got, err := rows.Entries(t.Context(), c.q)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var values []string
		for _, e := range got {
			values = append(values, e.Value)
		}
		if !slices.Equal(values, c.want) {
			t.Errorf("%s: got %q, want %q", name, values, c.want)
		}
	}
	q := directory.EntryQuery{Limit: 3}
	first, _ := rows.Entries(t.Context(), q)
	if len(first) != 3 {
		t.Fatalf("first page: got %d entries, want 3", len(first))
	}
	q.After = first[2].ID
	if second, err := rows.Entries(t.Context(), q); err != nil || len(second) != 2 || second[0].ID <= q.After {
		t.Errorf("second page: got %+v, %v", second, err)
	}
	if got, _ := rows.Entries(t.Context(), directory.EntryQuery{ID: first[1].ID}); len(got) != 1 || got[0] != first[1] {
		t.Errorf("by ID: got %+v, want %+v", got, first[1])
	}
}

func directoryHits(t *testing.T, rows DirectoryRows) {
	directoryApply(t, rows, 0, directory.Change{Entry: directoryEntry(directory.Block, directory.DomainName, "bad.example", directory.Global)})
	all, _ := rows.Entries(t.Context(), directory.EntryQuery{})
	for _, after := range []time.Duration{time.Hour, time.Minute} {
		hits := []directory.Hits{{ID: all[0].ID, Count: 2, Last: directoryTime.Add(after)}, {ID: 999, Count: 1, Last: directoryTime}}
		if err := rows.AddHits(t.Context(), hits); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := rows.Entries(t.Context(), directory.EntryQuery{})
	if len(got) != 1 || got[0].Hits != 4 || !got[0].LastHit.Equal(directoryTime.Add(time.Hour)) {
		t.Errorf("got %+v; want 4 hits, the last at %s", got, directoryTime.Add(time.Hour))
	}
	if _, revision := directoryLoad(t, rows, 0); revision != 1 {
		t.Errorf("revision: got %d, want 1", revision)
	}
}

func directorySameValue(t *testing.T, rows DirectoryRows) {
	var changes []directory.Change
	for _, list := range []directory.List{directory.Allow, directory.Block} {
		for _, kind := range []directory.Kind{directory.DomainName, directory.Author} {
			changes = append(changes, directory.Change{Entry: directoryEntry(list, kind, "x.example", directory.Global)})
		}
	}
	directoryApply(t, rows, 0, changes...)
	directoryApply(t, rows, 1, directory.Change{Entry: changes[1].Entry, Gone: true})
	if got, err := rows.Entries(t.Context(), directory.EntryQuery{}); err != nil || len(got) != 3 {
		t.Errorf("got %d entries, %v; want 3", len(got), err)
	}
}

// directoryUses: the last use counts, and goes with its password and its mailbox.
func directoryUses(t *testing.T, rows DirectoryRows) {
	app := func(id int64) directory.AppPassword {
		return directory.AppPassword{ID: id, Name: "p", Created: directoryTime, SCRAM: "k"}
	}
	box := directory.Mailbox{Address: "ann@example.net", Apps: []directory.AppPassword{app(1), app(2), app(3)}, Created: directoryTime}
	directoryApply(t, rows, 0, directory.Change{Mailbox: &box})
	changes, _ := directoryLoad(t, rows, 0)
	box = *changes[0].Mailbox
	put := func(list ...directory.Use) {
		t.Helper()
		if err := rows.PutUses(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	wantUses := func(what string, want map[int64]time.Time) {
		t.Helper()
		if got, err := rows.Uses(t.Context(), box.ID); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %v, want %v", what, got, err, want)
		}
	}
	later := directoryTime.Add(time.Minute)
	put(directory.Use{Box: box.ID, App: 2, Last: later}, directory.Use{Box: box.ID, App: 1, Last: directoryTime}, directory.Use{Box: box.ID + 1, App: 1, Last: later})
	put(directory.Use{Box: box.ID, App: 2, Last: directoryTime}, directory.Use{Box: box.ID, App: 1, Last: later})
	wantUses("both", map[int64]time.Time{1: later, 2: later})
	box.Apps = []directory.AppPassword{app(2), app(3)}
	directoryApply(t, rows, 1, directory.Change{Mailbox: &box})
	wantUses("one password is gone", map[int64]time.Time{2: later})
	directoryApply(t, rows, 2, directory.Change{Mailbox: &box, Gone: true})
	wantUses("the mailbox is gone", map[int64]time.Time{})
}
