package store

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/quarantine"
	"gatepost/quarantine/challenge"
)

// dueAt holds a message whose sender is to be told.
func dueAt(t *testing.T, db *DB, tx string, at time.Time, domains ...string) {
	t.Helper()
	c := holding(tx, "")
	first := *c.Held[0]
	c.Held = nil
	for i, d := range domains {
		h := first
		h.ID, h.Recipient, h.Domain = fmt.Sprint(h.ID, i), mail.Path("a@"+d), d
		h.Time, h.Told, h.Proof, h.Subject = at, quarantine.ToldDue, "spf", "hello"
		c.Held = append(c.Held, &h)
	}
	if err := db.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func toldOf(t *testing.T, db *DB, tx string) (all []string) {
	t.Helper()
	page, err := db.Quarantine().Find(t.Context(), quarantine.Query{Tx: tx})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range page.Rows {
		all = append(all, h.Domain+" "+string(h.Told))
	}
	slices.Sort(all)
	return all
}

func nextDue(t *testing.T, db *DB) string {
	t.Helper()
	d, ok, err := db.Challenges().Due(t.Context())
	if err != nil || ok != (d.Tx != "") {
		t.Fatal(d, ok, err)
	}
	return d.Tx
}

func notice(id string, at time.Time) *queue.Transfer {
	m := &queue.Message{ID: id, Tx: id, Blob: "blob-" + id, Size: 5, Created: at, Expires: at.Add(time.Hour)}
	return &queue.Transfer{Message: m, Recipient: "s@example.org", Destination: "mx:example.org"}
}

func TestChallenges(t *testing.T) { onBoth(t, testChallenges) }

func testChallenges(t *testing.T, db *DB) {
	checked(t, db)
	rows, ctx := db.Challenges(), t.Context()
	if nextDue(t, db) != "" {
		t.Error("something is due in an empty store")
	}
	if err := db.Commit(ctx, holding("before the upgrade", "")); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(ctx, func(tx *Tx) error { _, err := tx.Exec(`UPDATE held SET told = ''`); return err }); err != nil {
		t.Fatal(err)
	}
	if nextDue(t, db) != "" {
		t.Error("what was held before there were notices is due")
	}
	dueAt(t, db, "second", noon.Add(time.Minute), "a.example")
	dueAt(t, db, "first", noon, "b.example", "a.example", "a.example")
	if err := db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`UPDATE held SET require_tls = 1 WHERE tx = 'first' AND domain = 'b.example'`) // one of several is enough
		return err
	}); err != nil {
		t.Fatal(err)
	}
	d, _, err := rows.Due(ctx)
	want := challenge.Due{
		Tx: "first", Sender: "s@example.org", Proof: "spf", Domains: []string{"a.example", "b.example"}, Subject: "hello", Blob: "blob", Time: noon,
		Expires: noon.Add(720 * time.Hour), RequireTLS: true,
	}
	if err != nil || !reflect.DeepEqual(d, want) {
		t.Errorf("due: got %+v, want %+v (%v)", d, want, err)
	}
	if err := rows.Withhold(ctx, "first", []string{"b.example"}, challenge.ToldLately); err != nil {
		t.Fatal(err)
	}
	r := challenge.Record{Tx: "first", Sender: "s@example.org", Domains: []string{"a.example"}, Time: noon}
	for i, want := range []bool{true, false} { // the second time nothing of it is due
		sent, err := rows.Send(ctx, notice(fmt.Sprint("n", i), noon), r)
		if err != nil || sent != want {
			t.Errorf("send %d: %v, %v", i, sent, err)
		}
	}
	if got := toldOf(t, db, "first"); !slices.Equal(got, []string{"a.example notice", "a.example notice", "b.example not: told lately"}) {
		t.Errorf("told: %q", got)
	}
	if list, err := rows.Told(ctx, "s@example.org", []string{"a.example", "b.example"}, noon.Add(-time.Hour)); err != nil || !slices.Equal(list, []string{"a.example"}) {
		t.Errorf("told lately: %q, %v", list, err)
	}
	if list, err := rows.Told(ctx, "s@example.org", []string{"a.example"}, noon); err != nil || list != nil {
		t.Errorf("told since then: %q, %v", list, err)
	}
	if n, first, err := rows.Sent(ctx, noon.Add(-time.Hour)); err != nil || n != 1 || !first.Equal(noon) {
		t.Errorf("sent: %d, %v, %v", n, first, err)
	}
	if got := nextDue(t, db); got != "second" {
		t.Errorf("due next: %s", got)
	}
	endHold(t, db, "held-second0", quarantine.StateReleased)
	if got := nextDue(t, db); got != "" {
		t.Errorf("due though it was released: %s", got)
	}
	if sent, err := rows.Send(ctx, notice("n2", noon), challenge.Record{Tx: "second", Sender: "s@example.org", Domains: []string{"a.example"}, Time: noon}); err != nil || sent {
		t.Errorf("sent about what was released: %v, %v", sent, err)
	}
	if err := rows.Forget(ctx, noon.Add(time.Second), noon.Add(time.Second), noon); err != nil {
		t.Fatal(err)
	}
	if n, _, err := rows.Sent(ctx, noon.Add(-time.Hour)); err != nil || n != 0 {
		t.Errorf("%d sent are remembered, %v", n, err)
	}
	if got := toldOf(t, db, "second"); !slices.Equal(got, []string{"a.example not: not held any more"}) {
		t.Errorf("told: %q", got)
	}
}

// A notice that fails for good is remembered of its sender; other failures are not.
func TestChallengeBounces(t *testing.T) { onBoth(t, testChallengeBounces) }

func testChallengeBounces(t *testing.T, db *DB) {
	rows, ctx, now := db.Challenges(), t.Context(), time.Now()
	bounces := func() bool {
		t.Helper()
		b, err := rows.Bounces(ctx, "s@example.org", now.Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	other := notice("other", now)
	if err := db.Update(ctx, func(tx *Tx) error { return putTransfers(tx, []*queue.Transfer{other}) }); err != nil {
		t.Fatal(err)
	}
	carry(t, db, "mx:example.org", queue.Settlement{Fate: queue.Refused, Reply: no})
	if bounces() {
		t.Error("another mail's failure counts")
	}
	dueAt(t, db, "first", now, "a.example", "b.example")
	r := challenge.Record{Tx: "first", Sender: "s@example.org", Domains: []string{"a.example", "b.example"}, Time: now}
	if sent, err := rows.Send(ctx, notice("n", now), r); err != nil || !sent {
		t.Fatal(sent, err)
	}
	carry(t, db, "mx:example.org", queue.Settlement{Fate: queue.Deferred, Reply: no})
	if bounces() {
		t.Error("a delay counts")
	}
	carry(t, db, "mx:example.org", queue.Settlement{Fate: queue.Refused, Reply: no})
	if !bounces() {
		t.Error("the failure is not remembered")
	}
	if err := rows.Forget(ctx, now, now, time.Now().Add(time.Minute)); err != nil || bounces() {
		t.Errorf("the failure is remembered for ever: %v", err)
	}
}

// A notice fails days after it was sent, and after the next one: its sender bounces.
func TestBounceOfAnOldNotice(t *testing.T) { onBoth(t, testOldBounce) }

func testOldBounce(t *testing.T, db *DB) {
	rows, ctx, now := db.Challenges(), t.Context(), time.Now()
	for i, tx := range []string{"first", "second"} {
		at := now.Add(time.Duration(i) * 25 * time.Hour)
		dueAt(t, db, tx, at, "a.example")
		n := notice("notice-"+tx, at)
		n.Destination = queue.Destination("mx:" + tx + ".example")
		r := challenge.Record{Tx: tx, Sender: mail.Path("s@example.org"), Domains: []string{"a.example"}, Time: at}
		if sent, err := rows.Send(ctx, n, r); err != nil || !sent {
			t.Fatal(sent, err)
		}
		if err := rows.Forget(ctx, at.Add(-24*time.Hour), at.Add(-6*24*time.Hour), at.Add(-90*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	carry(t, db, "mx:first.example", queue.Settlement{Fate: queue.Refused, Reply: no})
	if bounces, err := rows.Bounces(ctx, "s@example.org", now.Add(-time.Hour)); err != nil || !bounces {
		t.Errorf("bounces: got %v, %v", bounces, err)
	}
}
