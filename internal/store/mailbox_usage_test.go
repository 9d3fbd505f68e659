package store

import (
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/mailbox"
)

// inDomain makes mailboxes 1 to n in a domain of number 900.
func inDomain(t *testing.T, db *DB, n int) {
	t.Helper()
	changes := []directory.Change{{Domain: &directory.Domain{ID: 900, Name: "example.org"}}}
	if err := db.Directory().Apply(t.Context(), 0, changes); err != nil {
		t.Fatal(err)
	}
	err := db.Update(t.Context(), func(tx *Tx) error {
		for i := range n {
			_, err := tx.Exec(`INSERT INTO mailbox (address, id, password_hash, scram, language, state, created, revision) VALUES (?, ?, '', '', '', '', 0, 0)`,
				fmt.Sprintf(`"%d@home"@example.org`, i+1), i+1)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A domain's sum is exact after everything that changes mailboxes, also at the same time.
func TestDomainUsage(t *testing.T) { onBoth(t, testDomainUsage) }

func testDomainUsage(t *testing.T, db *DB) {
	checked(t, db)
	const boxes, rounds = 40, 5
	inDomain(t, db, boxes)
	m, ctx := db.Mailboxes(), t.Context()
	want := func(what string, messages, bytes int64) {
		t.Helper()
		got, err := m.DomainUsage(ctx, 900)
		if err != nil || got != (mailbox.Usage{Messages: messages, Bytes: bytes}) {
			t.Errorf("%s: got %+v, %v, want %d, %d", what, got, err, messages, bytes)
		}
	}
	want("nothing", 0, 0)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range rounds * boxes / 4 {
				d := []*mailbox.Delivery{
					{Box: int64((i+w*10)%boxes + 1), Blob: "b", Size: 10, Time: noon},
					{Box: int64((i*7+w)%boxes + 1), Folder: `\Junk`, Blob: "b", Size: 10, Time: noon},
				}
				if err := db.Update(ctx, func(tx *Tx) error { return putDeliveries(tx, d) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	n := int64(2 * rounds * boxes)
	want("delivered", n, 10*n)
	f, err := m.Folder(ctx, 1, "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	all := mailbox.UIDSet{{First: 1, Last: 1 << 30}}
	if _, err := m.Copy(ctx, f.ID, all, f.ID); err != nil {
		t.Fatal(err)
	}
	n += f.Messages
	want("copied", n, 10*n)
	if err := m.expunge(ctx, f.ID, all, false); err != nil {
		t.Fatal(err)
	}
	n -= 2 * f.Messages
	want("expunged", n, 10*n)
	other, err := m.Usage(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.DropBox(ctx, 2, noon); err != nil {
		t.Fatal(err)
	}
	n -= other.Messages
	want("a box is gone", n, 10*n)
}

// An owner is warned once in a time, whoever warns.
func TestWarnOnce(t *testing.T) { onBoth(t, testWarnOnce) }

func testWarnOnce(t *testing.T, db *DB) {
	checked(t, db)
	knownBoxes(t, db, 1)
	m, ctx := db.Mailboxes(), t.Context()
	for _, step := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {time.Hour, false}, {23 * time.Hour, false}, {25 * time.Hour, true}} {
		now := noon.Add(step.after)
		done, err := m.Warn(ctx, &mailbox.Delivery{Box: 1, Blob: "w", Size: 1, Time: now}, now.Add(-24*time.Hour))
		if err != nil || done != step.want {
			t.Errorf("after %v: got %v, %v", step.after, done, err)
		}
	}
	if n := inFolder(t, db, 1, "INBOX"); n != 2 {
		t.Errorf("%d warnings", n)
	}
	if at, err := m.Warned(ctx, 1); err != nil || !at.Equal(noon.Add(25*time.Hour)) {
		t.Errorf("warned %v, %v", at, err)
	}
	if _, err := m.Warn(ctx, &mailbox.Delivery{Box: 99, Blob: "w", Size: 1, Time: noon}, noon); err == nil {
		t.Error("a mailbox that is gone was warned")
	}
}

// A letter that is remembered does not come again before its time.
func TestDeliverOnce(t *testing.T) { onBoth(t, testDeliverOnce) }

func testDeliverOnce(t *testing.T, db *DB) {
	checked(t, db)
	knownBoxes(t, db, 1)
	m, ctx := db.Mailboxes(), t.Context()
	for _, step := range []struct {
		after time.Duration
		id    string
		want  bool
	}{{0, "flood", true}, {time.Hour, "flood", false}, {time.Hour, "other", true}, {24 * time.Hour, "flood", true}} {
		now := noon.Add(step.after)
		once := mailbox.Memory{Box: 1, ID: step.id, Time: now, Expires: now.Add(24 * time.Hour), New: true}
		done, err := m.DeliverOnce(ctx, &mailbox.Delivery{Box: 1, Blob: "w", Size: 1, Time: now}, once)
		if err != nil || done != step.want {
			t.Errorf("%s after %v: got %v, %v", step.id, step.after, done, err)
		}
	}
	if n := inFolder(t, db, 1, "INBOX"); n != 3 {
		t.Errorf("%d letters", n)
	}
	if _, err := m.DeliverOnce(ctx, &mailbox.Delivery{Box: 99, Blob: "w", Size: 1, Time: noon}, mailbox.Memory{Box: 99, ID: "x", Time: noon, Expires: noon, New: true}); err == nil {
		t.Error("a mailbox that is gone got a letter")
	}
}

// What one box keeps is bounded: the oldest goes.
func TestTrimDeleted(t *testing.T) { onBoth(t, testTrimDeleted) }

func testTrimDeleted(t *testing.T, db *DB) {
	checked(t, db)
	knownBoxes(t, db, 2)
	m, ctx := db.Mailboxes(), t.Context()
	for range 5 {
		for box := range int64(2) {
			d := &mailbox.Delivery{Box: box + 1, Blob: "b", Size: mailbox.MinKept / (3 * (box + 1)), Time: noon}
			if err := m.Deliver(ctx, d); err != nil {
				t.Fatal(err)
			}
			if err := m.expunge(ctx, d.FolderID, mailbox.UIDSet{{First: d.UID, Last: d.UID}}, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := m.TrimDeleted(ctx, 0); err != nil {
		t.Fatal(err)
	}
	for box, want := range map[int64]string{1: "[5 4 3]", 2: "[5 4 3 2 1]"} {
		list, err := m.Kept(ctx, box, mailbox.KeptQuery{})
		if err != nil {
			t.Fatal(err)
		}
		var ids []int64
		for _, k := range list {
			ids = append(ids, k.EmailID)
		}
		if fmt.Sprint(ids) != want {
			t.Errorf("box %d keeps %v, want %s", box, ids, want)
		}
	}
}

// An expunge of many messages writes as little for each as it can: see the figures in
// docs/performance.md. Here: it reads rows by their keys.
func TestExpungeFindsItsRowsByKey(t *testing.T) {
	db := openTest(t)
	for _, query := range []string{buryAll.unref, buryDeleted.unref} {
		ok := false
		steps := plan(t, db, query)
		for _, step := range steps {
			ok = ok || len(step) > 30 && step[:20] == "SEARCH mailbox_email"
		}
		if !ok {
			t.Errorf("%s\n%q", query, steps)
		}
	}
}

// BenchmarkExpunge tells what one expunged message of 10,000 costs.
func BenchmarkExpunge(b *testing.B) {
	db, err := Open(b.Context(), b.TempDir()+"/gatepost.db")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	m := db.Mailboxes()
	const n = 10_000
	for b.Loop() {
		b.StopTimer()
		err := db.Update(b.Context(), func(tx *Tx) error {
			for i := range n {
				if err := putDelivery(tx, &mailbox.Delivery{Box: 1, Blob: fmt.Sprint("b", i), Size: 10, Time: noon, Flags: []string{`\Deleted`}}); err != nil {
					return err
				}
			}
			return nil
		})
		f, err2 := m.Folder(b.Context(), 1, "INBOX")
		if err != nil || err2 != nil {
			b.Fatal(err, err2)
		}
		b.StartTimer()
		if err := m.Expunge(b.Context(), f.ID, mailbox.UIDSet{{First: 1, Last: 1 << 31}}); err != nil {
			b.Fatal(err)
		}
	}
}

// What an older program wrote is not in a domain's sums; the recount mends them, once, and takes away
// what is left of domains that are gone.
func TestRecountDomains(t *testing.T) { onBoth(t, testRecountDomains) }

func testRecountDomains(t *testing.T, db *DB) {
	checked(t, db)
	inDomain(t, db, 3)
	m, ctx := db.Mailboxes(), t.Context()
	for box := range int64(3) {
		put(t, db, box+1, "")
	}
	err := db.Update(ctx, func(tx *Tx) error {
		for _, text := range []string{
			`DELETE FROM mailbox_home WHERE box = 3`, // made by a program that knew of no domains
			`UPDATE mailbox_usage SET messages = messages - 1, bytes = bytes - 10 WHERE shard = 3`,
			`UPDATE mailbox_usage SET messages = messages + 2, bytes = bytes - 5 WHERE shard = 1`,
			`DELETE FROM mailbox_usage WHERE shard = 2`,
			`INSERT INTO mailbox_usage (domain, shard, messages, bytes) VALUES (901, 0, 7, 70)`, // is gone
			`INSERT INTO mailbox_home (box, domain) VALUES (99, 901)`,
		} {
			if _, err := tx.Exec(text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for round, want := range []map[int64]mailbox.Usage{{900: {Messages: 0, Bytes: 25}, 901: {Messages: -7, Bytes: -70}}, {}} {
		got, err := m.RecountDomains(ctx)
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%d: got %+v, %v, want %+v", round, got, err, want)
		}
	}
	if u, err := m.DomainUsage(ctx, 900); err != nil || u != (mailbox.Usage{Messages: 3, Bytes: 30}) {
		t.Errorf("mended to %+v, %v", u, err)
	}
	var left int
	if err := db.View(ctx, func(tx *Tx) error { return tx.Row(`SELECT COUNT(*) FROM mailbox_usage WHERE domain = 901`, nil, &left) }); err != nil || left != 0 {
		t.Errorf("%d rows are left, %v", left, err)
	}
}
