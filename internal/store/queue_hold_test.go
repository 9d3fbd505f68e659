package store

import (
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
		d := &quarantine.Delivery{View: h.View, Size: h.Size, Time: now, Expires: now.Add(time.Hour), Onward: []quarantine.Onward{{To: h.Recipient, Sender: h.Sender, Destination: "domain:far.example"}}}
		if _, err := db.Quarantine().Settle(t.Context(), h.ID, quarantine.Act{Who: "admin", What: quarantine.StateReleased, When: now}, d); err != nil {
			t.Fatal(err)
		}
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
