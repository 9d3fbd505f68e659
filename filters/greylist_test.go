package filters

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/greylist"
	"gatepost/internal/mail"
	"gatepost/internal/resolve"
	"gatepost/internal/resolve/resolvetest"
	"gatepost/internal/trust"
	"gatepost/pipeline"
)

// A greylistRows is rows in memory. Those of a golden case are written
//
//	IDENTITY SENDER RECIPIENT waits|passed AGO
//	IDENTITY PASSES
//	broken                     nothing can be read
//	RECIPIENT wrote SENDER
type greylistRows struct {
	greylist.Chores
	greylist.Desk
	found  greylist.Found
	broken bool
	wrote  map[string]bool
}

func newGreylistRows() *greylistRows {
	return &greylistRows{found: greylist.Found{Triplets: map[int64]greylist.Triplet{}, Identities: map[string]greylist.Identity{}}, wrote: map[string]bool{}}
}

// Find implements greylist.Rows.
func (g *greylistRows) Find(context.Context, []int64, []string) (greylist.Found, error) {
	if g.broken {
		return greylist.Found{}, errors.New("the disk is on fire")
	}
	return greylist.Found{Triplets: maps.Clone(g.found.Triplets), Identities: maps.Clone(g.found.Identities)}, nil
}

// Put implements greylist.Rows.
func (g *greylistRows) Put(_ context.Context, b greylist.Batch) error {
	for _, t := range b.Triplets {
		old := g.found.Triplets[t.Number]
		g.found.Triplets[t.Number], _ = old.Merge(t)
		if t.State == greylist.Passing && old.State == greylist.Waiting {
			i := g.found.Identities[t.Identity]
			g.found.Identities[t.Identity] = i.Merge(greylist.Identity{Name: t.Identity, Passes: 1, Expires: t.Expires})
		}
	}
	return nil
}

// Changes implements greylist.Rows.
func (g *greylistRows) Changes(context.Context) (int64, error) { return 0, nil }

// Weigh implements Trust.
func (g *greylistRows) Weigh(_ context.Context, rcpt, sender mail.Path, _ time.Time) (trust.Entry, bool, error) {
	return trust.Entry{}, g.wrote[string(rcpt+" "+sender.Unsigned())], nil
}

// Use implements Trust.
func (g *greylistRows) Use(trust.Entry, time.Time) {}

func (g *greylistRows) book(t *testing.T) *greylist.Book {
	t.Helper()
	b, err := greylist.New(greylist.Config{Rows: g, Key: []byte(strings.Repeat("k", 32))})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// goldenTime is when the mail of golden cases comes.
func goldenTime() time.Time { return time.Unix(1_700_000_000, 0) }

// filled is a book that remembers what a case says.
func (g *greylistRows) filled(t *testing.T, lines []string) *greylist.Book {
	b := g.book(t)
	for _, line := range lines {
		g.remember(t, b, strings.Fields(line))
	}
	return b
}

func (g *greylistRows) remember(t *testing.T, b *greylist.Book, words []string) {
	t.Helper()
	switch {
	case len(words) == 1 && words[0] == "broken":
		g.broken = true
	case len(words) == 2:
		i := greylist.Identity{Name: words[0]}
		if _, err := fmt.Sscan(words[1], &i.Passes); err != nil {
			t.Fatal(err)
		}
		g.found.Identities[i.Name] = i
	case len(words) == 3 && words[1] == "wrote":
		g.wrote[words[0]+" "+words[2]] = true
	case len(words) == 5:
		ago, err := time.ParseDuration(words[4])
		if err != nil {
			t.Fatal(err)
		}
		q := greylist.Question{
			Tx: "first", Time: goldenTime().Add(-ago), Sender: mail.Path(words[1]), Recipient: mail.Path(words[2]), Domain: organisation(mail.Path(words[1]).Domain()),
			Identities: words[:1], Terms: greylist.Terms{Delay: 5 * time.Minute, Window: 4 * time.Hour, Keep: 36 * 24 * time.Hour},
		}
		a, err := b.Check(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if words[3] == "passed" {
			a.Result = greylist.Passed
		}
		b.Record(q, a)
		if err := b.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	default:
		t.Fatalf("greylist: %q", words)
	}
}

// A greylistWorld sends mail through a policy over a Book.
type greylistWorld struct {
	t      *testing.T
	now    time.Time
	rows   *greylistRows
	book   *greylist.Book
	policy *pipeline.Policy
	tries  int
}

const greylistZone = `
big.example.       TXT "v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 ip4:203.0.113.0/24 -all"
mail.big.example.  TXT "v=spf1 redirect=big.example"
all.example.       TXT "v=spf1 +all"
plain.example.     MX  10 mx.plain.example.
fwd.example.       TXT "v=spf1 ip4:192.0.2.0/24 -all"
9.2.0.192.w.example.    A 127.0.10.3
9.100.51.198.w.example. A 127.0.10.3
`

func newGreylistWorld(t *testing.T, entries ...pipeline.EntrySpec) *greylistWorld {
	t.Helper()
	server, err := resolvetest.Serve(greylistZone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	resolver, err := resolve.New(resolve.Config{Servers: []string{server.Addr}, Timeout: time.Second, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(resolver.Close)
	w := &greylistWorld{t: t, now: goldenTime(), rows: newGreylistRows()}
	w.book = w.rows.book(t)
	if len(entries) == 0 {
		entries = []pipeline.EntrySpec{{Filter: "greylist"}}
	}
	policies, problems := pipeline.Compile(Catalog(Deps{Resolver: resolver, Greylist: w.book, Trust: w.rows}), []pipeline.Spec{{Name: "p", Entries: entries}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	w.policy = policies["p"]
	return w
}

// send brings a message at RCPT, and says how the last step of its walk ended.
func (w *greylistWorld) send(client string, from, to mail.Path) pipeline.Step {
	w.t.Helper()
	w.tries++
	c := mail.Client{Addr: mail.Unmap(netip.MustParseAddr(client)), Helo: "mail.big.example"}
	tx := pipeline.NewTransaction(w.t.Context(), fmt.Sprintf("tx%d", w.tries), w.now, c, nil).WithHelo(c).WithMail(from, mail.Params{}).WithRcpt()
	defer tx.Close()
	walk := pipeline.NewWalk(w.policy, to, true)
	if err := walk.Advance(w.t.Context(), tx); err != nil {
		w.t.Fatal(err)
	}
	walk.Release(tx)
	if len(walk.Steps) == 0 {
		return pipeline.Step{Finding: pipeline.Finding{Result: "waits"}}
	}
	return walk.Steps[len(walk.Steps)-1]
}

func (w *greylistWorld) want(result, client string, from, to mail.Path) pipeline.Step {
	w.t.Helper()
	s := w.send(client, from, to)
	if s.Finding.Result != result {
		w.t.Errorf("%s of %s to %s: got %s (%s), want %s", client, from, to, s.Finding.Result, s.Finding.Reason, result)
	}
	return s
}

func (w *greylistWorld) later(d time.Duration) { w.now = w.now.Add(d) }

// Field note 14: a large sender's pool tries again from another address each time, and is
// not late for hours; nor is a list whose bounce addresses are others each time.
func TestFieldNote14GreylistPools(t *testing.T) {
	t.Run("proven by SPF", func(t *testing.T) {
		w := newGreylistWorld(t)
		w.want("new", "192.0.2.1", "bounce-1-ann=x.example@big.example", "ann@x.example")
		w.later(6 * time.Minute)
		w.want("passed", "203.0.113.77", "bounce-2-ann=x.example@mail.big.example", "ann@x.example") // another subdomain: another sender, but
		w.want("known", "198.51.100.4", "bounce-3-ann=x.example@big.example", "ann@x.example")
	})
	t.Run("known to a list of the good", func(t *testing.T) {
		w := newGreylistWorld(t, pipeline.EntrySpec{Filter: "dnsbl", Settings: map[string]any{"lists": []any{
			map[string]any{"zone": "w.example", "kind": "allow", "codes": []any{"127.0.0.0/16"}}}}}, pipeline.EntrySpec{Filter: "greylist"})
		w.want("new", "192.0.2.9", "ann@plain.example", "bob@x.example")
		w.later(6 * time.Minute)
		w.want("new", "203.0.113.9", "ann@plain.example", "bob@x.example") // which the list does not know
		w.want("passed", "198.51.100.9", "ann@plain.example", "bob@x.example")
	})
	t.Run("from another address of its network", func(t *testing.T) {
		w := newGreylistWorld(t)
		w.want("new", "203.0.113.1", "ann@plain.example", "bob@x.example")
		w.want("new", "2001:db8:1:2::1", "ann@plain.example", "bob@x.example")
		w.later(5 * time.Minute)
		w.want("passed", "::ffff:203.0.113.200", "ann@plain.example", "bob@x.example")
		w.want("passed", "2001:db8:1:2:ffff::9", "ann@plain.example", "bob@x.example")
		w.want("new", "2001:db8:1:3::1", "carl@plain.example", "bob@x.example")
	})
	t.Run("SPF answers only the second time", func(t *testing.T) {
		w := newGreylistWorld(t)
		first := greylist.Question{Tx: "tx0", Time: w.now, Sender: "ann@big.example", Recipient: "bob@x.example", Domain: "big.example", Identities: []string{"192.0.2.0/24"}, Terms: w.terms()}
		a, err := w.book.Check(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		w.book.Record(first, a)
		w.later(5 * time.Minute)
		w.want("passed", "192.0.2.1", "ann@big.example", "bob@x.example")
		w.want("known", "203.0.113.1", "ann@big.example", "bob@x.example")
	})
	t.Run("a record for all the world proves nothing", func(t *testing.T) {
		w := newGreylistWorld(t)
		w.want("new", "192.0.2.1", "ann@all.example", "bob@x.example")
		w.later(5 * time.Minute)
		w.want("new", "203.0.113.1", "ann@all.example", "bob@x.example")
	})
}

func (w *greylistWorld) terms() greylist.Terms {
	return w.policy.Entries[len(w.policy.Entries)-1].Filter.(greylistFilter).terms
}

// Field note 14: a code that expires in ten minutes comes at once, once some mail of its
// sender has passed, to whomever, from whichever address; or where the recipient has
// written there, or an admin names the domain.
func TestFieldNote14GreylistOneTimeCodes(t *testing.T) {
	w := newGreylistWorld(t, pipeline.EntrySpec{Filter: "greylist", Settings: map[string]any{"skip": []any{"fwd.example"}}})
	for n := range 5 {
		w.want("new", "192.0.2.1", "news@big.example", mail.Path(fmt.Sprintf("u%d@x.example", n)))
	}
	w.later(10 * time.Minute)
	for n := range 4 {
		w.want("passed", "192.0.2.2", "news@big.example", mail.Path(fmt.Sprintf("u%d@x.example", n)))
	}
	w.want("early", "198.51.100.1", "code@big.example", w.first("code@big.example", "198.51.100.1"))
	w.want("passed", "192.0.2.2", "news@big.example", "u4@x.example")
	if err := w.book.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := w.want("known", "203.0.113.9", "login-code@mail.big.example", "stranger@x.example")
	if !strings.Contains(s.Finding.Reason, "enough mail from big.example") {
		t.Errorf("got %q", s.Finding.Reason)
	}
	w.want("new", "100.200.0.1", "login-code@big.example", "stranger@x.example") // not its own address

	w.want("exempt", "192.0.2.1", "code@fwd.example", "ann@x.example")
	w.want("new", "203.0.113.1", "code@fwd.example", "ann@x.example") // not proven
	w.rows.wrote["ann@x.example shop@plain.example"] = true
	w.want("exempt", "203.0.113.1", "shop@plain.example", "ann@x.example")
	w.rows.wrote["ann@x.example shop@big.example"] = true
	w.want("new", "100.200.0.1", "shop@big.example", "ann@x.example") // SPF says that it is not he
}

// first sends a sender's first mail to somebody.
func (w *greylistWorld) first(from mail.Path, client string) mail.Path {
	w.t.Helper()
	to := mail.Path("first@x.example")
	w.want("new", client, from, to)
	return to
}

// Field note 15: nothing in the answer looks like a refusal, and the journal joins the
// attempts.
func TestFieldNote15GreylistAttemptsAreJoined(t *testing.T) {
	w := newGreylistWorld(t)
	s := w.want("new", "203.0.113.1", "ann@plain.example", "bob@x.example")
	if s.Finding.Reason != "temporarily deferred, please retry in 300 seconds" || s.Effect.Action != pipeline.Defer {
		t.Errorf("got %q, %s", s.Finding.Reason, s.Effect)
	}
	w.later(100*time.Second + 500*time.Millisecond)
	s = w.want("early", "203.0.113.2", "ann@plain.example", "bob@x.example")
	if s.Finding.Reason != "temporarily deferred, please retry in 200 seconds" {
		t.Errorf("got %q", s.Finding.Reason)
	}
	w.later(12 * time.Minute)
	s = w.want("passed", "203.0.113.3", "ann@plain.example", "bob@x.example")
	want := []pipeline.Evidence{{Key: "identity", Value: "203.0.113.0/24"}, {Key: "first", Value: "tx1"}, {Key: "waited", Value: "13m41s"}, {Key: "tries", Value: "3"}}
	if !slices.Equal(s.Finding.Evidence, want) {
		t.Errorf("got %v", s.Finding.Evidence)
	}
	for _, r := range w.policy.Entries[0].Kind.Results {
		if r.Effect == "defer" && r.State != "greylisted" {
			t.Errorf("%s is %q in the journal", r.Word, r.State)
		}
	}
	if !w.policy.Entries[0].Kind.Told {
		t.Error("the client does not hear when to come again")
	}
}

// Who is not deferred, whatever is remembered.
func TestGreylistExempts(t *testing.T) {
	deps := Deps{Greylist: newGreylistRows().book(t)}
	f, err := newGreylist(deps, *greylistKind(deps).Options().(*greylistOptions))
	if err != nil {
		t.Fatal(err)
	}
	stranger := mail.Client{Addr: netip.MustParseAddr("192.0.2.1")}
	relayed, login, local := stranger, stranger, stranger
	relayed.Relayed, login.Login, local.Addr = true, "ann@x.example", netip.MustParseAddr("10.1.2.3")
	for name, c := range map[string]mail.Client{"a relay of ours": relayed, "a log-in": login, "a private network": local} {
		q := pipeline.Query{Tx: pipeline.NewTransaction(t.Context(), "id", goldenTime(), c, nil).WithMail("ann@y.example", mail.Params{}).WithRcpt(), Walk: &pipeline.Walk{}}
		if got, err := f.Check(t.Context(), q); err != nil || got.Result != "exempt" || got.Reason == "" {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

// A message that waits for its score is not asked about.
func TestGreylistMinScore(t *testing.T) {
	entries := func(score string) []pipeline.EntrySpec {
		return []pipeline.EntrySpec{{Filter: "spf", On: map[string]string{"none": score}}, {Filter: "greylist", Settings: map[string]any{"min_score": 2}}}
	}
	newGreylistWorld(t, entries("score 1.5")...).want("exempt", "203.0.113.1", "ann@plain.example", "bob@x.example")
	newGreylistWorld(t, entries("score 2")...).want("new", "203.0.113.1", "ann@plain.example", "bob@x.example")
}

func BenchmarkGreylistCheck(b *testing.B) {
	deps := Deps{Greylist: silentGreylist{}}
	f, err := newGreylist(deps, *greylistKind(deps).Options().(*greylistOptions))
	if err != nil {
		b.Fatal(err)
	}
	c := mail.Client{Addr: netip.MustParseAddr("192.0.2.1"), Helo: "[192.0.2.1]"}
	tx := pipeline.NewTransaction(b.Context(), "id", goldenTime(), c, nil).WithHelo(c).WithMail("ann@localhost", mail.Params{}).WithRcpt()
	defer tx.Close()
	q := pipeline.Query{Tx: tx, Recipient: "bob@x.example", Walk: &pipeline.Walk{}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Check(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}

type silentGreylist struct{}

func (silentGreylist) Check(context.Context, greylist.Question) (greylist.Answer, error) {
	return greylist.Answer{Result: greylist.Known}, nil
}
func (silentGreylist) Record(greylist.Question, greylist.Answer) {}
