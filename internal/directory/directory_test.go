package directory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
	"gatepost/test/bubble"
)

func TestDomains(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	dom, err := f.AddDomain(ctx, Domain{Name: "Bücher.Example", Policy: "strict"})
	wantErr(t, "U-labels", err, nil)
	if dom.Name != "xn--bcher-kva.example" || dom.Disposition != Quarantine || dom.Challenge != ByReply || dom.ID == 0 {
		t.Errorf("got %+v", dom)
	}
	for name, c := range map[string]struct {
		dom  Domain
		want error
	}{
		"there already": {Domain{Name: "EXAMPLE.net"}, ErrExists},
		"no name":       {Domain{}, ErrInvalid},
		"literal":       {Domain{Name: "[192.0.2.1]"}, ErrInvalid},
		"syntax":        {Domain{Name: "a..b"}, ErrInvalid},
		"disposition":   {Domain{Name: "x.example", Disposition: "burn"}, ErrInvalid},
		"challenge":     {Domain{Name: "x.example", Challenge: "duel"}, ErrInvalid},
	} {
		_, err := f.AddDomain(ctx, c.dom)
		wantErr(t, name, err, c.want)
	}
	dom, err = f.ChangeDomain(ctx, "bücher.example", func(d *Domain) error {
		d.Name, d.ID, d.Disposition = "other.example", 99, Junk
		return nil
	})
	if err != nil || dom.Name != "xn--bcher-kva.example" || dom.ID == 99 || dom.Disposition != Junk || dom.Policy != "strict" {
		t.Errorf("changed: got %+v, %v", dom, err)
	}
	wantErr(t, "remove one in use", f.RemoveDomain(ctx, "example.net"), ErrInUse)
	wantErr(t, "remove", f.RemoveDomain(ctx, "xn--bcher-kva.example"), nil)
	wantErr(t, "remove again", f.RemoveDomain(ctx, "xn--bcher-kva.example"), ErrNoDomain)
	if got := len(f.Snapshot().Domains()); got != 2 {
		t.Errorf("got %d domains, want 2", got)
	}
}

func TestMailboxes(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	for name, c := range map[string]struct {
		box  Mailbox
		want error
	}{
		"there already":      {Mailbox{Address: "Ann@Example.NET"}, ErrExists},
		"there as an alias":  {Mailbox{Address: "sales@example.net"}, ErrExists},
		"no such domain":     {Mailbox{Address: "ann@elsewhere.example"}, ErrNoDomain},
		"no address":         {Mailbox{}, ErrInvalid},
		"syntax":             {Mailbox{Address: "ann"}, ErrInvalid},
		"language":           {Mailbox{Address: "x@example.net", Language: "en\r\n"}, ErrInvalid},
		"state":              {Mailbox{Address: "x@example.net", State: "asleep"}, ErrInvalid},
		"similar but longer": {Mailbox{Address: "ann@example.nets"}, ErrNoDomain},
	} {
		_, err := f.AddMailbox(ctx, c.box, "")
		wantErr(t, name, err, c.want)
	}
	old, _ := f.Snapshot().Mailbox("bob@example.net")
	wantErr(t, "an alias leads to it", f.RemoveMailbox(ctx, "bob@example.net"), ErrInUse)
	_, err := f.retarget(t, "sales@example.net", "ann@example.net")
	wantErr(t, "change alias", err, nil)
	f.entry(t, Block, "", "x.example", "bob@example.net")
	wantErr(t, "remove", f.RemoveMailbox(ctx, "Bob@example.net"), nil)
	wantErr(t, "remove again", f.RemoveMailbox(ctx, "bob@example.net"), ErrNoMailbox)
	if len(f.rows.entries) != 0 {
		t.Errorf("its entries stayed: %v", f.rows.entries)
	}
	if fresh := f.mailbox(t, "bob@example.net"); fresh.ID == old.ID {
		t.Errorf("ID %d was given again", fresh.ID)
	}
	if _, ok := f.Snapshot().FindSender("a@x.example", "bob@example.net"); ok {
		t.Error("the new mailbox has the old one's entries")
	}
	if m, ok := f.Snapshot().Box(old.ID); ok {
		t.Errorf("the old ID finds %+v", m)
	}
}

func TestAliases(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.alias(t, "team@example.net", "sales@example.net", "Sales@example.net", "ann+team@example.net")
	if a, _ := f.Snapshot().Alias("team@example.net"); len(a.Targets) != 2 {
		t.Errorf("targets: got %q, want two", a.Targets)
	}
	for name, c := range map[string]struct {
		alias Alias
		want  error
		says  string
	}{
		"nobody":     {Alias{Address: "x@example.net", Targets: []mail.Path{"nobody@example.net"}}, ErrNoMailbox, "nobody"},
		"none":       {Alias{Address: "x@example.net"}, ErrInvalid, "0 targets"},
		"itself":     {Alias{Address: "x@example.net", Targets: []mail.Path{"x+y@example.net"}}, ErrLoop, "x+y@"},
		"a mailbox":  {Alias{Address: "ann@example.net", Targets: []mail.Path{"bob@example.net"}}, ErrExists, "mailbox"},
		"an alias":   {Alias{Address: "sales@example.net", Targets: []mail.Path{"bob@example.net"}}, ErrExists, "alias"},
		"not here":   {Alias{Address: "x@elsewhere.example", Targets: []mail.Path{"bob@example.net"}}, ErrNoDomain, "add the domain"},
		"bad target": {Alias{Address: "x@example.net", Targets: []mail.Path{"bob"}}, ErrInvalid, "bob"},
	} {
		_, err := f.AddAlias(ctx, c.alias)
		wantErr(t, name, err, c.want)
		if err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q doesn't say %q", name, err, c.says)
		}
	}
	_, err := f.retarget(t, "sales@example.net", "bob@example.net", "team@example.net")
	wantErr(t, "a loop of two", err, ErrLoop)
	if err != nil && !strings.Contains(err.Error(), "sales@example.net -> team@example.net -> sales@example.net") {
		t.Errorf("the loop is not named: %v", err)
	}
	wantErr(t, "remove one in use", f.RemoveAlias(ctx, "sales@example.net"), ErrInUse)
	wantErr(t, "remove", f.RemoveAlias(ctx, "team@example.net"), nil)
	wantErr(t, "remove again", f.RemoveAlias(ctx, "team@example.net"), ErrNoAlias)
}

// Two directories over the same rows: each plans on what the other did.
func TestTwoWritersAtOnce(t *testing.T) {
	f := newFixture(t)
	two := f.open(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	added := 0
	for range 10 {
		for _, d := range []*Directory{f.Directory, two} {
			wg.Go(func() {
				_, err := d.AddDomain(t.Context(), Domain{Name: "new.example"})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					added++
				} else if !errors.Is(err, ErrExists) {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if added != 1 {
		t.Errorf("added %d times, want once", added)
	}
}

// A plan beneath which the directory changed is made anew, and sees the change.
func TestPlanAnew(t *testing.T) {
	f := newFixture(t)
	two, plans := f.open(t), 0
	f.rows.applied = func() {
		if _, err := two.ChangeDomain(t.Context(), "example.net", func(d *Domain) error { d.Policy = "two"; return nil }); err != nil {
			t.Error(err)
		}
	}
	dom, err := f.ChangeDomain(t.Context(), "example.net", func(d *Domain) error { plans++; d.Policy += " and one"; return nil })
	if err != nil || plans != 2 || dom.Policy != "two and one" {
		t.Errorf("got %q after %d plans, %v; want \"two and one\" after 2", dom.Policy, plans, err)
	}
}

// What begins with the name of what is removed stays.
func TestRemovalIsExact(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.domain(t, "example.ne")
	f.mailbox(t, "ann@example.ne")
	f.alias(t, "info@example.ne", "ann@example.ne")
	f.alias(t, "info@example.net", "ann@example.net")
	wantErr(t, "alias", f.RemoveAlias(ctx, "info@example.ne"), nil)
	wantErr(t, "mailbox", f.RemoveMailbox(ctx, "ann@example.ne"), nil)
	wantErr(t, "domain", f.RemoveDomain(ctx, "example.ne"), nil)
	s := f.Snapshot()
	if d, m, a := len(s.Domains()), len(slices.Collect(s.Mailboxes(""))), len(s.Aliases("")); d != 2 || m != 3 || a != 2 {
		t.Errorf("left: %d domains, %d mailboxes, %d aliases; want 2, 3, 2", d, m, a)
	}
}

// A change whose commit is done is live, though its caller gave up.
func TestGivingUpAfterTheCommit(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.rows.applied = cancel
	_, err := f.AddDomain(ctx, Domain{Name: "new.example"})
	wantErr(t, "add", err, nil)
	if _, ok := f.Snapshot().Domain("new.example"); !ok {
		t.Error("not live")
	}
}

func TestSnapshotStays(t *testing.T) {
	f := newFixture(t)
	f.entry(t, Block, "", "x.example", "")
	old := f.Snapshot()
	f.domain(t, "new.example")
	wantErr(t, "remove entry", f.RemoveEntry(t.Context(), 6), nil)
	if _, ok := old.Domain("new.example"); ok {
		t.Error("an old snapshot knows a new domain")
	}
	if _, ok := old.FindSender("a@x.example", ""); !ok {
		t.Error("an old snapshot lost an entry")
	}
	if _, ok := f.Snapshot().FindSender("a@x.example", ""); ok {
		t.Error("the new snapshot has a removed entry")
	}
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		other := f.open(t)
		ctx, cancel := context.WithCancel(t.Context())
		go other.Run(ctx)
		synctest.Wait() // its first turn is over
		e := f.entry(t, Block, "", "x.example", "")
		f.domain(t, "new.example")
		other.Hit(e.ID)
		bubble.Sleep(time.Second) // the fake clock's
		if _, ok := other.Snapshot().Domain("new.example"); !ok {
			t.Error("a change elsewhere is not live after a second")
		}
		f.rows.mu.Lock()
		f.rows.behind, f.rows.failing = true, errors.New("down for a moment")
		f.rows.mu.Unlock()
		bubble.Sleep(time.Second)
		f.rows.mu.Lock()
		f.rows.failing = nil
		f.rows.mu.Unlock()
		wantErr(t, "remove", f.RemoveDomain(ctx, "new.example"), nil)
		bubble.Sleep(time.Second)
		if _, ok := other.Snapshot().Domain("new.example"); ok {
			t.Error("who was too far behind did not load anew")
		}
		cancel()
		synctest.Wait()
		if got := f.rows.entries[e.ID].Hits; got != 1 {
			t.Errorf("hits at the end: got %d, want 1", got)
		}
	})
}
