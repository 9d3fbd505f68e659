package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/quarantine"
)

// carry claims what waits for a destination and ends it in one way.
func carry(t *testing.T, db *DB, d queue.Destination, s queue.Settlement) {
	t.Helper()
	list, err := db.Queue().Claim(t.Context(), d, 10, time.Hour)
	if err != nil || len(list) == 0 {
		t.Fatal(len(list), err)
	}
	var all []queue.Settlement
	for _, tr := range list {
		s.Transfer = tr
		if s.Fate == queue.Refused && tr.Hold {
			s.Hold = time.Now().Add(time.Hour)
		}
		all = append(all, s)
	}
	if _, err := db.Queue().Settle(t.Context(), all); err != nil {
		t.Fatal(err)
	}
}

func refs(t *testing.T, db *DB, blob string) (n int64) {
	t.Helper()
	if err := db.View(t.Context(), func(tx *Tx) error { return tx.Row(`SELECT refs FROM blob WHERE id = ?`, []any{blob}, &n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

var no = queue.Reply{Host: "192.0.2.1:25", Code: 550, Enhanced: "5.1.1", Text: "no such\nuser"}

// What a next hop refuses of a sender who is none is held, with its words; what is
// released and refused is back where it was, as often as it takes.
func TestRefusedIsHeld(t *testing.T) { onBoth(t, testRefusedIsHeld) }

func testRefusedIsHeld(t *testing.T, db *DB) {
	now := time.Now()
	m := &queue.Message{ID: "m", Tx: "tx", Sender: "forged@victim.example", Blob: "blob", View: mail.View{Prefix: []byte("X: y\r\n")}, Size: 16, Created: now, Expires: now.Add(time.Hour)}
	c := &intake.Commit{
		Row:       &journal.Row{ID: "tx", Time: now, Client: "192.0.2.9", Subject: "hello", Lines: []journal.Line{{Recipient: "x@far.example", State: "queued", Score: 2}}},
		Transfers: []*queue.Transfer{{Message: m, Recipient: "x@far.example", For: []mail.Path{"x@far.example"}, Destination: "domain:far.example", Hold: true}},
	}
	if err := db.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	held := func() quarantine.Held {
		t.Helper()
		page, err := db.Quarantine().Find(t.Context(), quarantine.Query{})
		if err != nil || len(page.Rows) != 1 {
			t.Fatal(page, err)
		}
		h, err := db.Quarantine().Show(t.Context(), page.Rows[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	state := func() string {
		hits, err := db.Journal().Search(t.Context(), journal.Query{ID: "tx", Limit: 10})
		if err != nil || len(hits) != 1 {
			t.Fatal(hits, err)
		}
		return hits[0].State
	}
	carry(t, db, "domain:far.example", queue.Settlement{Fate: queue.Refused, Reply: no})
	h := held()
	if h.Recipient != "x@far.example" || h.Domain != "far.example" || h.Client.String() != "192.0.2.9" || h.Subject != "hello" || h.Score != 2 ||
		h.Filter != "undeliverable" || h.Reason != "192.0.2.1:25 said 550 5.1.1 no such user" || h.Size != 16 || refs(t, db, "blob") != 1 || state() != "held" {
		t.Errorf("held: %+v, %d references, journal %s", h, refs(t, db, "blob"), state())
	}
	late := queue.Reply{Host: "192.0.2.1:25", Code: 451, Enhanced: "4.3.0", Text: "tired"}
	for turn := range 2 { // released, refused, and again
		releaseOnward(t, db, h, quarantine.Onward{To: h.Recipient, Sender: h.Sender, Destination: "domain:far.example"})
		if state() != "released" || refs(t, db, "blob") != 1 {
			t.Errorf("released: journal %s, %d references", state(), refs(t, db, "blob"))
		}
		if ways := held().Ways; len(ways) != turn+1 || ways[turn].To != h.Recipient || ways[turn].What != "waiting" || ways[turn].Next.IsZero() || ways[turn].Attempts != 0 {
			t.Errorf("on its way: %+v", ways)
		}
		carry(t, db, "domain:far.example", queue.Settlement{Fate: queue.Deferred, Reply: late})
		if w := held().Ways[turn]; w.What != "deferred" || w.Attempts != 1 || w.Next.IsZero() || w.Time.IsZero() || w.Host != late.Host || w.Code != 451 || w.Enhanced != "4.3.0" || w.Reply != "tired" {
			t.Errorf("deferred: %+v", w)
		}
		carry(t, db, "domain:far.example", queue.Settlement{Fate: queue.Refused, Reply: no})
		again := held()
		if w := again.Ways[turn]; len(again.Ways) != turn+1 || w.What != "refused" || w.Attempts != 2 || !w.Next.IsZero() || w.Code != 550 {
			t.Errorf("refused: %+v", w)
		}
		if last := again.Acts[len(again.Acts)-1]; again.ID != h.ID || again.State != quarantine.StateHeld || last.Who != h.Reason || state() != "held" || refs(t, db, "blob") != 1 {
			t.Errorf("refused again: %+v, journal %s, %d references", again, state(), refs(t, db, "blob"))
		}
	}
	var damage []string
	if err := db.Check(t.Context(), func(f string, args ...any) { damage = append(damage, f) }); err != nil || damage != nil {
		t.Errorf("check: %s, %v", strings.Join(damage, "; "), err)
	}
}

// releaseOnward releases a held message to those.
func releaseOnward(t *testing.T, db *DB, h quarantine.Held, to ...quarantine.Onward) {
	t.Helper()
	now := time.Now()
	d := &quarantine.Delivery{View: h.View, Size: h.Size, Time: now, Expires: now.Add(time.Hour), Onward: to}
	if _, err := db.Quarantine().Settle(t.Context(), h.ID, quarantine.Act{Who: "admin", What: quarantine.StateReleased, When: now}, d); err != nil {
		t.Fatal(err)
	}
	queued, err := db.Queue().Find(t.Context(), queue.Query{Message: h.Tx, Limit: 10})
	if err != nil || len(queued) != len(to) || slices.ContainsFunc(queued, func(t *queue.Transfer) bool { return t.Message.Params.RequireTLS != h.RequireTLS }) {
		t.Errorf("queued: %d, %v, or not as it was held", len(queued), err)
	}
}

// holdOne holds one message for a mailbox, or what stands for others, of main.example.
func holdOne(t *testing.T, db *DB, tx string, box int64) quarantine.Held {
	t.Helper()
	now := time.Now()
	h := quarantine.Held{
		ID: "held " + tx, Tx: tx, Recipient: "X@alias.example", Box: box, Domain: "main.example", Sender: "s@far.example", Subject: "hello", Author: "S", Guarded: true, RequireTLS: true,
		Filter: "spf", Blob: "blob of " + tx, Size: 10, Time: now, Expires: now.Add(time.Hour),
	}
	c := &intake.Commit{Row: &journal.Row{ID: tx, Time: now, Lines: []journal.Line{{Recipient: "x@alias.example", State: "held"}}}, Held: []*quarantine.Held{&h}}
	if err := db.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return h
}

// heldNow are the rows of a transaction in words: who, where, state.
func heldNow(t *testing.T, db *DB, tx string) string {
	t.Helper()
	page, err := db.Quarantine().Find(t.Context(), quarantine.Query{Domain: "main.example", Tx: tx})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, h := range page.Rows {
		if h.Subject != "hello" || h.Author != "S" || !h.Guarded || !h.RequireTLS {
			t.Errorf("%s has lost what it was: %+v", h.Recipient, h)
		}
		list = append(list, fmt.Sprintf("%s %d %s", h.Recipient, h.Box, h.State))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// What is refused after a release goes back to its row only where nobody else got it by
// that release; else it has a row of its own, so that nobody gets it twice. So it is with
// what is deleted from the queue, which was given up by name, unless all of it was.
func TestReleaseThatFails(t *testing.T) { onBoth(t, testReleaseThatFails) }

func testReleaseThatFails(t *testing.T, db *DB) {
	knownBoxes(t, db, 9)
	one := quarantine.Onward{To: "a@one.example", Sender: "s@far.example", Destination: "mx:one.example"}
	two := quarantine.Onward{To: "b@two.example", Sender: "s@far.example", Destination: "mx:two.example"}
	here := quarantine.Onward{To: "X@alias.example", Sender: "s@far.example", Destination: "local", Boxes: []int64{8, 9}}
	refuse := func(d queue.Destination) func(*testing.T, *DB) {
		return func(t *testing.T, db *DB) { carry(t, db, d, queue.Settlement{Fate: queue.Refused, Reply: no}) }
	}
	take := func(d queue.Destination) func(*testing.T, *DB) {
		return func(t *testing.T, db *DB) { carry(t, db, d, queue.Settlement{Fate: queue.Carried}) }
	}
	remove := func(d queue.Destination) func(*testing.T, *DB) {
		return func(t *testing.T, db *DB) {
			if n, err := db.Queue().Change(t.Context(), queue.Query{Destination: d}, queue.Delete); n == 0 || err != nil {
				t.Fatal(n, err)
			}
		}
	}
	type ends []func(*testing.T, *DB)
	const x = "X@alias.example"
	for name, tt := range map[string]struct {
		box     int64
		to      []quarantine.Onward
		ends    ends
		want    string
		journal string
		refs    int64
	}{
		"elsewhere, refused":            {quarantine.Elsewhere, []quarantine.Onward{one}, ends{refuse("mx:one.example")}, x + " -1 held", "held", 1},
		"elsewhere, deleted":            {quarantine.Elsewhere, []quarantine.Onward{one}, ends{remove("mx:one.example")}, x + " -1 held", "held", 1},
		"a mailbox's copy, refused":     {7, []quarantine.Onward{one}, ends{refuse("mx:one.example")}, x + " 7 released, a@one.example 0 held", "partial", 2},
		"a mailbox's copy, deleted":     {7, []quarantine.Onward{one}, ends{remove("mx:one.example")}, x + " 7 released", "deleted", 1},
		"copies here, refused":          {7, []quarantine.Onward{here}, ends{refuse("local")}, x + " 7 released, " + x + " 8 held, " + x + " 9 held", "partial", 3},
		"two, one taken, one refused":   {0, []quarantine.Onward{one, two}, ends{take("mx:one.example"), refuse("mx:two.example")}, x + " 0 released, b@two.example 0 held", "partial", 1},
		"two, refused one by one":       {0, []quarantine.Onward{one, two}, ends{refuse("mx:one.example"), refuse("mx:two.example")}, x + " 0 released, a@one.example 0 held, b@two.example 0 held", "partial", 2},
		"two, one deleted":              {0, []quarantine.Onward{one, two}, ends{remove("mx:one.example")}, x + " 0 released", "deleted", 1},
		"two, both deleted":             {0, []quarantine.Onward{one, two}, ends{remove("mx:one.example"), remove("mx:two.example")}, x + " 0 held", "held", 1},
		"two, deleted at once":          {0, []quarantine.Onward{one, two}, ends{remove("")}, x + " 0 held", "held", 1},
		"two, one taken, one deleted":   {0, []quarantine.Onward{one, two}, ends{take("mx:one.example"), remove("mx:two.example")}, x + " 0 released", "partial", 0},
		"two, one refused, one deleted": {0, []quarantine.Onward{one, two}, ends{refuse("mx:one.example"), remove("mx:two.example")}, x + " 0 released, a@one.example 0 held", "partial", 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := holdOne(t, db, name, tt.box)
			releaseOnward(t, db, h, tt.to...)
			for _, end := range tt.ends {
				end(t, db)
			}
			hits, err := db.Journal().Search(t.Context(), journal.Query{ID: name, Limit: 10})
			if err != nil || len(hits) != 1 {
				t.Fatal(hits, err)
			}
			if got, n := heldNow(t, db, name), refs(t, db, "blob of "+name); got != tt.want || hits[0].State != tt.journal || n != tt.refs {
				t.Errorf("got %s; journal %s, %d references\nwant %s; journal %s, %d references", got, hits[0].State, n, tt.want, tt.journal, tt.refs)
			}
			if _, err := db.Queue().Change(t.Context(), queue.Query{Message: name}, queue.Delete); err != nil { // what is left
				t.Fatal(err)
			}
		})
	}
	checked(t, db)
}

// Refused mail is the domain's whose it is, whatever name of it the client used.
func TestRefusedUnderAnotherName(t *testing.T) { onBoth(t, testRefusedUnderAnotherName) }

func testRefusedUnderAnotherName(t *testing.T, db *DB) {
	now := time.Now()
	m := &queue.Message{ID: "m", Tx: "tx", Sender: "forged@victim.example", Blob: "blob", Size: 10, Created: now, Expires: now.Add(time.Hour)}
	c := &intake.Commit{
		Row:       &journal.Row{ID: "tx", Time: now, Client: "192.0.2.9", Lines: []journal.Line{{Recipient: "x@alias.example", State: "queued"}}},
		Transfers: []*queue.Transfer{{Message: m, Recipient: "x@main.example", For: []mail.Path{"x@alias.example"}, Home: "main.example", Destination: "domain:main.example", Hold: true}},
	}
	if err := db.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	carry(t, db, "domain:main.example", queue.Settlement{Fate: queue.Refused, Reply: no})
	for domain, want := range map[string]int{"main.example": 1, "alias.example": 0} {
		if page, err := db.Quarantine().Find(t.Context(), quarantine.Query{Domain: domain}); err != nil || len(page.Rows) != want {
			t.Errorf("%s has %d rows, want %d; %v", domain, len(page.Rows), want, err)
		}
	}
}

// What can't be delivered since its mailbox was removed is held where an admin sees it, and for those that
// are there with their owners.
func TestRefusedIsNotHeldForNobody(t *testing.T) { onBoth(t, testRefusedIsNotHeldForNobody) }

func testRefusedIsNotHeldForNobody(t *testing.T, db *DB) {
	knownBoxes(t, db, 2)
	for boxes, want := range map[[2]int64]string{{1, 99}: "[1]", {98, 99}: "[0]"} {
		now := time.Now()
		m := &queue.Message{ID: mail.NewID(now), Tx: mail.NewID(now), Blob: "blob", Size: 16, Created: now, Expires: now.Add(time.Hour)}
		tr := &queue.Transfer{Message: m, Recipient: "all@example.net", For: []mail.Path{"all@example.net"}, Home: "example.net", Destination: queue.Local, Hold: true, Boxes: boxes[:]}
		if err := db.Queue().Put(t.Context(), []*queue.Transfer{tr}); err != nil {
			t.Fatal(err)
		}
		carry(t, db, queue.Local, queue.Settlement{Fate: queue.Refused, Reply: no})
		page, err := db.Quarantine().Find(t.Context(), quarantine.Query{})
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, h := range page.Rows {
			if h.Tx == m.Tx {
				got = append(got, h.Box)
			}
		}
		if fmt.Sprint(got) != want {
			t.Errorf("for boxes %v held for %v, want %s", boxes, got, want)
		}
	}
}
