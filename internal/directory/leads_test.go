package directory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/mail"
)

// wide is routes with a forward, copies and distribution lists.
func wide(t *testing.T) fixture {
	t.Helper()
	f := routes(t)
	f.domain(t, "hosted.example.net")
	f.add(t, Alias{Address: "away@example.net", Kind: Forward, Targets: []mail.Path{"Me@elsewhere.example"}})
	f.copies(t, "bob@example.net", "away@example.net", "eve@example.org", "x@hosted.example")
	f.add(t, Alias{
		Address: "board@example.net", Kind: Distribution, Post: PostMembers, Owner: "ann@example.net",
		Targets: []mail.Path{"bob@example.net", "Guest+x@elsewhere.example"},
	})
	f.add(t, Alias{
		Address: "staff@example.net", Kind: Distribution, Post: PostDomain, Owner: "owner@elsewhere.example",
		Targets: []mail.Path{"ann@example.net", "board@example.net", "sales@example.net", "pal@elsewhere.example"},
	})
	f.add(t, Alias{Address: "news@example.net", Kind: Distribution, Owner: "ann@example.net", Targets: []mail.Path{"eve@example.org"}})
	return f
}

func (f fixture) add(t *testing.T, a Alias) {
	t.Helper()
	if _, err := f.AddAlias(t.Context(), a); err != nil {
		t.Fatal(err)
	}
}

func (f fixture) copies(t *testing.T, box mail.Path, to ...mail.Path) {
	t.Helper()
	if err := f.tryCopies(t, box, to...); err != nil {
		t.Fatal(err)
	}
}

func (f fixture) tryCopies(t *testing.T, box mail.Path, to ...mail.Path) error {
	t.Helper()
	_, err := f.ChangeMailbox(t.Context(), box, func(m *Mailbox) error { m.Copies = to; return nil })
	return err
}

// full is a resolution in words, with all that is to be known to send it on.
func full(r Resolution) string {
	var words []string
	for _, b := range r.Boxes {
		w := string(b.Address)
		if bounces := r.Bounces[b.ID]; !bounces.IsNull() {
			w += "!" + string(bounces)
		}
		words = append(words, w)
	}
	for _, m := range r.Remotes {
		words = append(words, fmt.Sprintf("%s>%s<%s!%s", m.Address, m.Home, m.By, m.Bounces))
	}
	return strings.Join(words, " ")
}

func TestForwardsCopiesLists(t *testing.T) {
	f := wide(t)
	for rcpt, want := range map[mail.Path]string{
		"away@example.com": "Me@elsewhere.example><away@example.net!",
		"bob+x@example.net": "bob@example.net eve@example.org Me@elsewhere.example><away@example.net! " +
			"x@hosted.example>hosted.example<bob@example.net!",
		"board@example.net": "bob@example.net!ann@example.net eve@example.org!ann@example.net Me@elsewhere.example><away@example.net!ann@example.net " +
			"x@hosted.example>hosted.example<bob@example.net!ann@example.net Guest+x@elsewhere.example><board@example.net!ann@example.net",
		// the innermost list's owner; each address once, by the first way
		"staff@example.net": "ann@example.net!owner@elsewhere.example bob@example.net!ann@example.net eve@example.org!ann@example.net " +
			"Me@elsewhere.example><away@example.net!ann@example.net x@hosted.example>hosted.example<bob@example.net!ann@example.net " +
			"Guest+x@elsewhere.example><board@example.net!ann@example.net pal@elsewhere.example><staff@example.net!owner@elsewhere.example",
	} {
		if r, err := f.Snapshot().Resolve(rcpt); err != nil || full(r) != want {
			t.Errorf("%s: got %s, %v; want %s", rcpt, full(r), err, want)
		}
	}
	f.state(t, "bob@example.net", Closed)
	r, err := f.Snapshot().Resolve("board@example.net")
	if got, want := full(r), "Guest+x@elsewhere.example><board@example.net!ann@example.net"; err != nil || got != want {
		t.Errorf("a closed mailbox is copied: got %s, %v", got, err)
	}
	_, err = f.Snapshot().Resolve("bob@example.net")
	wantErr(t, "closed, with copies", err, ErrClosed)
}

func TestPost(t *testing.T) {
	f := wide(t)
	f.add(t, Alias{Address: "team@example.net", Kind: Distribution, Post: PostMembers, Owner: "bob@example.net", Targets: []mail.Path{"sales@example.net"}})
	f.mailbox(t, "post@example.org")
	f.copies(t, "post@example.org", "team@example.net")
	f.alias(t, "postmaster@example.org", "board@example.net")
	for _, c := range []struct {
		rcpt, sender mail.Path
		ok           bool
	}{
		{"news@example.net", "stranger@elsewhere.example", true},
		{"news@example.net", "", true},
		{"staff@example.net", "stranger@elsewhere.example", false},
		{"staff@example.net", "", false},
		{"staff@example.net", "nobody@example.net", false}, // behind it is board, for members
		{"staff@example.net", "bob@example.com", true},     // another name of the domain
		{"staff@example.net", "bob@sub.example.net", false},
		{"staff+tag@example.net", "Owner@elsewhere.example", false}, // owns staff, and not board
		{"board@example.net", "GUEST@elsewhere.example", true},
		{"board@example.net", "bob+y@example.net", true},
		{"board@example.net", "prvs=1234abcdef=Guest@elsewhere.example", true},
		{"board@example.net", "prvs=guest@elsewhere.example", false},
		{"board@example.net", "ann@example.net", true}, // the owner
		{"board@example.net", "eve@example.org", false},
		{"board@example.net", "", false},
		{"team@example.net", "ann@example.net", true}, // behind sales
		{"team@example.net", "sales@example.net", true},
		{"team@example.net", "eve@example.org", false},
		{"post@example.org", "stranger@elsewhere.example", true}, // whose mailbox is copied there
		{"postmaster@example.org", "", true},
	} {
		r, err := f.Snapshot().Resolve(c.rcpt)
		if err != nil {
			t.Fatal(err)
		}
		want := ErrPost
		if c.ok {
			want = nil
		}
		wantErr(t, fmt.Sprintf("%s to %s", c.sender, c.rcpt), r.Post(c.sender), want)
	}
}

func TestOwns(t *testing.T) {
	f := wide(t)
	for _, c := range []struct {
		address, login mail.Path
		want           bool
	}{
		{"bob+x@example.com", "Bob@example.net", true},
		{"sales@example.net", "bob@example.net", true},
		{"sales@example.net", "eve@example.org", false},
		{"bob@example.net", "eve@example.org", false},   // who gets copies
		{"sales@example.net", "eve@example.org", false}, // of bob's
		{"staff@example.net", "ann@example.net", false}, // a member, no more
		{"abuse@example.org", "eve@example.org", true},
	} {
		r, err := f.Snapshot().Resolve(c.address)
		if got := r.Owns(c.login); err != nil || got != c.want {
			t.Errorf("%s of %s: got %t, %v; want %t", c.address, c.login, got, err, c.want)
		}
	}
}

// What would lead nowhere or back, and the end of what something leads to.
func TestLeadsRefused(t *testing.T) {
	f, ctx := wide(t), t.Context()
	f.mailbox(t, "carl@example.net")
	f.mailbox(t, "old@example.net")
	f.alias(t, "out@example.net", "x@later.example")
	f.domain(t, "catch.example")
	f.change(t, "catch.example", func(d *Domain) { d.CatchAll = "carl@example.net" })
	list := Alias{Address: "l@example.net", Kind: Distribution, Targets: []mail.Path{"ann@example.net"}, Owner: "ann@example.net"}
	add := func(edit func(*Alias)) error {
		a := list
		edit(&a)
		_, err := f.AddAlias(ctx, a)
		return err
	}
	change := func(name string, edit func(*Domain)) error {
		_, err := f.ChangeDomain(ctx, name, func(d *Domain) error { edit(d); return nil })
		return err
	}
	addDomain := func(d Domain) error { _, err := f.AddDomain(ctx, d); return err }
	many := make([]mail.Path, MaxMembers+1)
	for i := range many {
		many[i] = mail.Path(fmt.Sprintf("m%d@elsewhere.example", i))
	}
	for name, c := range map[string]struct {
		err  error
		want error
		says string
	}{
		"copies in a ring":        {f.tryCopies(t, "eve@example.org", "bob+x@example.net"), ErrLoop, "eve@example.org -> bob+x@example.net -> eve@example.org"},
		"copy to itself":          {f.tryCopies(t, "eve@example.org", "eve@example.org"), ErrLoop, "eve@example.org -> eve@example.org"},
		"list, copy, list":        {f.tryCopies(t, "eve@example.org", "staff@example.com"), ErrLoop, "eve@example.org -> staff@example.net -> board@example.net -> bob@example.net -> eve@example.org"},
		"owner is the list":       {add(func(a *Alias) { a.Owner = "l+x@example.net" }), ErrLoop, "owner l+x@example.net"},
		"no owner":                {add(func(a *Alias) { a.Owner = "" }), ErrInvalid, "bounces"},
		"owner is nobody":         {add(func(a *Alias) { a.Owner = "nobody@example.net" }), ErrNoMailbox, "owner nobody@"},
		"who posts":               {add(func(a *Alias) { a.Post = "friends" }), ErrInvalid, "members"},
		"too many":                {add(func(a *Alias) { a.Targets = many }), ErrInvalid, "1 to 10000"},
		"no members":              {add(func(a *Alias) { a.Targets = nil }), ErrInvalid, "0 members"},
		"kind":                    {add(func(a *Alias) { a.Kind = "other" }), ErrInvalid, "distribution"},
		"owner of an alias":       {add(func(a *Alias) { a.Kind = PlainAlias }), ErrInvalid, "only a distribution list"},
		"forward to two":          {add(func(a *Alias) { *a = Alias{Address: "l@example.net", Kind: Forward, Targets: many[:2]} }), ErrInvalid, "give one"},
		"forward to one here":     {add(func(a *Alias) { *a = Alias{Address: "l@example.net", Kind: Forward, Targets: list.Targets} }), ErrInvalid, "make it an alias"},
		"taken by a list":         {add(func(a *Alias) { a.Address = "news@example.net" }), ErrExists, "distribution list news@"},
		"copied to nobody":        {f.tryCopies(t, "eve@example.org", "nobody@example.net"), ErrNoMailbox, "copy nobody@"},
		"remove a copy's target":  {f.RemoveAlias(ctx, "away@example.net"), ErrInUse, "the copying of mailbox bob@"},
		"remove an owner":         {f.RemoveMailbox(ctx, "ann@example.net"), ErrInUse, "leads here"},
		"remove a member":         {f.RemoveAlias(ctx, "board@example.net"), ErrInUse, "distribution list staff@"},
		"remove a catch-all":      {f.RemoveMailbox(ctx, "carl@example.net"), ErrInUse, "the catch-all of domain catch.example"},
		"known from now on":       {addDomain(Domain{Name: "later.example"}), ErrInUse, "alias out@example.net leads to x@later.example"},
		"as another name":         {change("example.org", func(d *Domain) { d.Names = []string{"later.example"} }), ErrInUse, "alias out@"},
		"off its hosts":           {change("hosted.example", func(d *Domain) { d.Hosts = nil }), ErrInUse, "x@hosted.example"},
		"catch-all, new name":     {addDomain(Domain{Name: "new.example", CatchAll: "x@new.example"}), ErrNoMailbox, "x@new.example"},
		"catch-all, off hosts":    {change("hosted.example", func(d *Domain) { d.Hosts, d.CatchAll = nil, "y@hosted.example" }), ErrNoMailbox, "y@hosted.example"},
		"domain on hosts is used": {removeHosted(t, f), ErrInUse, "x@hosted.example"},
	} {
		wantErr(t, name, c.err, c.want)
		if c.err != nil && !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%s: %q doesn't say %q", name, c.err, c.says)
		}
	}
	if err := addDomain(Domain{Name: "later.example", Hosts: []string{"exchange"}}); err != nil {
		t.Errorf("known, on hosts: %v", err)
	}
	wantErr(t, "remove what nothing leads to", f.RemoveMailbox(ctx, "old@example.net"), nil)
}

// removeHosted tries to remove a domain that has nobody, but to which something leads.
func removeHosted(t *testing.T, f fixture) error {
	t.Helper()
	if err := f.RemoveMailbox(t.Context(), "local@hosted.example"); err != nil {
		t.Fatal(err)
	}
	return f.RemoveDomain(t.Context(), "hosted.example")
}

// A mailbox's own lists count for its mail although it is copied.
func TestListsOfACopiedMailbox(t *testing.T) {
	f := wide(t)
	f.entry(t, Block, "", "bad.example", "bob@example.net")
	if _, ok := f.Snapshot().FindSender("x@bad.example", "bob+tag@example.com"); !ok {
		t.Error("not found")
	}
}

func TestRoute(t *testing.T) {
	f := wide(t)
	_, steps, err := f.Snapshot().Route("staff@example.net")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range steps {
		got = append(got, fmt.Sprintf("%d %s %s", s.Depth, s.Address, s.Is))
	}
	want := []string{
		"0 staff@example.net distribution", "1 ann@example.net mailbox", "1 board@example.net distribution", "2 bob@example.net mailbox",
		"3 away@example.net forward", "4 Me@elsewhere.example remote", "3 eve@example.org mailbox", "3 x@hosted.example remote",
		"2 Guest+x@elsewhere.example remote", "1 sales@example.net alias", "2 ann@example.net again", "2 bob@example.net again", "1 pal@elsewhere.example remote",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, steps, err = f.Snapshot().Route("abuse@example.org"); err != nil || len(steps) != 2 || steps[0].Is != IsRole || steps[1].Address != "eve@example.org" {
		t.Errorf("a role: got %+v, %v", steps, err)
	}
	f.state(t, "eve@example.org", Closed)
	if _, steps, err = f.Snapshot().Route("eve@example.org"); err == nil || len(steps) != 1 || steps[0].State != Closed {
		t.Errorf("closed: got %+v, %v", steps, err)
	}
}

// Whoever is met as somebody's copy and as the recipient's own is its own, in whatever
// order, and so is all that is behind an alias.
func TestWhoseCopy(t *testing.T) {
	f := routes(t)
	f.add(t, Alias{Address: "behind@example.net", Targets: []mail.Path{"eve@example.org", "far@elsewhere.example"}})
	f.copies(t, "bob@example.net", "ann@example.net", "behind@example.net", "copy@elsewhere.example")
	for name, c := range map[string]struct {
		targets []mail.Path
		want    string
	}{
		"the mailbox alone": {[]mail.Path{"bob@example.net"}, "ann of bob, eve of bob, far@elsewhere.example of bob, copy@elsewhere.example of bob"},
		"who copies first":  {[]mail.Path{"bob@example.net", "ann@example.net"}, "eve of bob, far@elsewhere.example of bob, copy@elsewhere.example of bob"},
		"who copies last":   {[]mail.Path{"ann@example.net", "bob@example.net"}, "eve of bob, far@elsewhere.example of bob, copy@elsewhere.example of bob"},
		"an alias, too":     {[]mail.Path{"bob@example.net", "behind@example.net"}, "ann of bob, copy@elsewhere.example of bob"},
		"an address away":   {[]mail.Path{"bob@example.net", "copy@elsewhere.example"}, "ann of bob, eve of bob, far@elsewhere.example of bob"},
	} {
		t.Run(name, func(t *testing.T) {
			f.add(t, Alias{Address: "all@example.net", Targets: c.targets})
			defer func() {
				if err := f.RemoveAlias(t.Context(), "all@example.net"); err != nil {
					t.Fatal(err)
				}
			}()
			r, err := f.Snapshot().Resolve("all@example.net")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			of := func(who string, box int64) {
				if whose, ok := f.Snapshot().Box(box); ok {
					got = append(got, who+" of "+whose.Address.Local())
				}
			}
			for _, b := range r.Boxes {
				if of(b.Address.Local(), r.CopyOf(b.ID)); r.Copied(b.ID) != (r.CopyOf(b.ID) != 0) {
					t.Errorf("%s is copied: %v", b.Address, r.Copied(b.ID))
				}
			}
			for _, to := range r.Remotes {
				of(string(to.Address), to.CopyOf)
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("got %s\nwant %s", strings.Join(got, ", "), c.want)
			}
		})
	}
}
