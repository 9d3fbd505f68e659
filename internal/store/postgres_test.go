package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/queue"
	"gatepost/mailbox"
	"gatepost/quarantine"
)

func TestNumbered(t *testing.T) {
	for text, want := range map[string]string{
		`SELECT 1`:                        `SELECT 1`,
		`a = ? AND b = ?`:                 `a = $1 AND b = $2`,
		`a = '?' AND b = '''?' OR c = ?`:  `a = '?' AND b = '''?' OR c = $1`,
		strings.Repeat("?,", 10) + `'é?'`: `$1,$2,$3,$4,$5,$6,$7,$8,$9,$10,'é?'`,
	} {
		if got := numbered(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestParseDSN(t *testing.T) {
	c, size, err := parseDSN("postgres://u:secret@h/d?pool_max_conns=7")
	if err != nil || size != 7 || c.RuntimeParams["pool_max_conns"] != "" || c.RuntimeParams["synchronous_commit"] != "on" || c.ConnectTimeout != connectLimit {
		t.Errorf("got %v connections, %v, %v, %v", size, c.RuntimeParams, c.ConnectTimeout, err)
	}
	idle, err := strconv.Atoi(c.RuntimeParams["idle_in_transaction_session_timeout"])
	if silent := time.Duration(idle) * time.Millisecond; err != nil || silent <= updateLimit || silent >= fenceLimit || c.RuntimeParams["tcp_keepalives_idle"] == "" {
		t.Errorf("a node that fell silent: %v", c.RuntimeParams)
	}
	for _, dsn := range []string{
		"postgres://u:secret@h/d?pool_max_conns=1", "postgres://u:secret@h/d?pool_max_conns=x", "postgres://u:secret@h/d?synchronous_commit=off",
		"postgres://u:secret@h:port/d", "postgres://u:secret@h/d?sslmode=secret",
	} {
		if _, _, err := parseDSN(dsn); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", dsn, err)
		}
	}
}

// letterTo is a commit of one message for some boxes, all of one content.
func letterTo(n int, boxes ...int64) *intake.Commit {
	c := &intake.Commit{Row: &journal.Row{ID: fmt.Sprintf("tx%d", n), Time: noon, Lines: []journal.Line{{Recipient: "a@example.net"}}}}
	for _, b := range boxes {
		c.Deliveries = append(c.Deliveries, &mailbox.Delivery{Box: b, Blob: fmt.Sprintf("blob%d", n%3), Size: 10, Time: noon})
	}
	return c
}

// knownBoxes makes the directory know boxes from 1 to n.
func knownBoxes(t *testing.T, db *DB, n int) {
	t.Helper()
	err := db.Update(t.Context(), func(tx *Tx) error {
		for i := range n {
			_, err := tx.Exec(`INSERT INTO mailbox (address, id, password_hash, scram, language, state, created, revision) VALUES (?, ?, '', '', '', '', 0, 0)`,
				fmt.Sprintf("%d@example.net", i), i+1)
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

// Updates that need the same rows in every order wait for each other, never in a
// circle, and count right: deliveries to many boxes, some not made yet, of contents
// that others give up, beside all that people do with their mail.
func TestUpdatesInEachOthersWay(t *testing.T) { onBoth(t, testUpdatesInEachOthersWay) }

func testUpdatesInEachOthersWay(t *testing.T, db *DB) {
	checked(t, db)
	const boxes, workers, rounds = 4, 12, 25
	knownBoxes(t, db, boxes)
	ctx, m := t.Context(), db.Mailboxes()
	everything := mailbox.UIDSet{{First: 1, Last: ^mailbox.UID(0)}}
	act := func(r *rand.Rand, n int) error {
		box := 1 + r.Int64N(boxes)
		inbox, err := m.Folder(ctx, box, mailbox.Inbox)
		if errors.Is(err, mailbox.ErrNoFolder) {
			return m.OpenBox(ctx, box, "", noon)
		}
		if err != nil {
			return err
		}
		switch r.IntN(6) {
		case 0:
			_, err = m.SetFlags(ctx, inbox.ID, everything, mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: mailbox.Seen | mailbox.Deleted}})
		case 1:
			err = m.Expunge(ctx, inbox.ID, everything)
		case 2:
			_, err = m.Copy(ctx, inbox.ID, mailbox.UIDSet{{First: 1, Last: 5}}, inbox.ID)
		case 3:
			_, err = m.CreateFolder(ctx, box, fmt.Sprintf("f%d", n), "")
		case 4:
			h := &quarantine.Held{ID: fmt.Sprintf("h%d", n), Tx: fmt.Sprintf("tx%d", n), Box: box, Blob: fmt.Sprintf("blob%d", n%3), Size: 10, Time: noon, State: quarantine.StateHeld}
			if err = db.Update(ctx, func(tx *Tx) error { return putHeld(tx, h) }); err == nil {
				d := &quarantine.Delivery{Size: 10, Time: noon}
				_, err = db.Quarantine().Settle(ctx, h.ID, quarantine.Act{Who: "x", What: quarantine.StateReleased, When: noon}, d)
			}
		default:
			_, err = m.SetFlags(ctx, inbox.ID, everything, mailbox.FlagChange{How: mailbox.Remove, Flags: mailbox.Flags{System: mailbox.Deleted}})
		}
		return err
	}
	var wg sync.WaitGroup
	for w := range workers {
		r := rand.New(rand.NewPCG(uint64(w), 1))
		wg.Go(func() {
			for i := range rounds {
				n := w*rounds + i
				to := []int64{}
				for _, b := range r.Perm(boxes) {
					to = append(to, int64(b)+1)
				}
				if err := db.Commit(ctx, letterTo(n, to[:1+r.IntN(boxes)]...)); err != nil {
					t.Errorf("commit %d: %v", n, err)
				}
				if err := act(r, n); err != nil {
					t.Errorf("act %d: %v", n, err)
				}
			}
		})
	}
	wg.Wait()
	if n := db.Repeats(); n != 0 {
		t.Errorf("%d updates were run again", n)
	}
}

// Contents are counted without waiting in a circle, in whatever order they are come by.
func TestContentsInAnyOrder(t *testing.T) { onBoth(t, testContentsInAnyOrder) }

func testContentsInAnyOrder(t *testing.T, db *DB) {
	const workers, rounds, contents = 8, 20, 6
	var wg sync.WaitGroup
	for w := range workers {
		r := rand.New(rand.NewPCG(uint64(w), 2))
		wg.Go(func() {
			for range rounds {
				err := db.Update(t.Context(), func(tx *Tx) error {
					for _, i := range r.Perm(contents) {
						tx.ref(fmt.Sprintf("blob%d", i), 1)
					}
					for _, i := range r.Perm(contents / 2) {
						tx.unref(fmt.Sprintf("blob%d", i))
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var sum int
	err := db.View(t.Context(), func(tx *Tx) error { return tx.Row(`SELECT SUM(refs) FROM blob`, nil, &sum) })
	if want := workers * rounds * contents / 2; err != nil || sum != want || db.Repeats() != 0 {
		t.Errorf("got %d references, %v, %d repeats; want %d", sum, err, db.Repeats(), want)
	}
}

// Each UID and each MODSEQ is given once, and whoever asks for what is new misses
// nothing that comes later.
func TestDeliveriesAreSeenInOrder(t *testing.T) { onBoth(t, testDeliveriesAreSeenInOrder) }

func testDeliveriesAreSeenInOrder(t *testing.T, db *DB) {
	knownBoxes(t, db, 1)
	m, ctx := db.Mailboxes(), t.Context()
	if err := m.OpenBox(ctx, 1, "", noon); err != nil {
		t.Fatal(err)
	}
	inbox, err := m.Folder(ctx, 1, mailbox.Inbox)
	if err != nil {
		t.Fatal(err)
	}
	const workers, each = 8, 20
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				if err := db.Commit(ctx, letterTo(w*each+i, 1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen, after := map[mailbox.UID]bool{}, inbox.HighestModSeq
	for len(seen) < workers*each && !t.Failed() {
		d, err := m.Since(ctx, inbox.ID, after)
		if err != nil {
			t.Error(err)
		}
		for _, e := range d.Changed {
			if seen[e.UID] || e.ModSeq <= after {
				t.Errorf("UID %d with %d came after %d", e.UID, e.ModSeq, after)
			}
			seen[e.UID] = true
		}
		after = d.HighestModSeq
	}
	wg.Wait()
}

// Workers that claim at the same time share a queue without waiting for each other.
func TestManyClaim(t *testing.T) { onBoth(t, testManyClaim) }

func testManyClaim(t *testing.T, db *DB) {
	checked(t, db)
	const messages, recipients, workers = 20, 20, 6
	ctx, q := t.Context(), db.Queue()
	var all []*queue.Transfer
	for i := range messages {
		m := &queue.Message{ID: fmt.Sprintf("m%d", i), Tx: "t", Blob: "b", Size: 1, Created: noon, Expires: noon}
		for range recipients {
			all = append(all, &queue.Transfer{Message: m, Recipient: "a@x.example", Destination: "mx:x"})
		}
	}
	rand.New(rand.NewPCG(1, 3)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if err := q.Put(ctx, all); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	taken := map[int64]int{}
	var wg sync.WaitGroup
	for w := range workers {
		r := rand.New(rand.NewPCG(uint64(w), 4))
		wg.Go(func() {
			for {
				list, err := q.Claim(ctx, "mx:x", 7, time.Hour)
				if err != nil || len(list) == 0 {
					if err != nil {
						t.Error(err)
					}
					return
				}
				var ends []queue.Settlement
				for _, i := range r.Perm(len(list)) {
					ends = append(ends, queue.Settlement{Transfer: list[i], Fate: queue.Carried})
				}
				if lost, err := q.Settle(ctx, ends); err != nil || lost != 0 {
					t.Errorf("%d lost, %v", lost, err)
				}
				mu.Lock()
				for _, tr := range list {
					taken[tr.ID]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for id, n := range taken {
		if n != 1 {
			t.Errorf("transfer %d was claimed %d times", id, n)
		}
	}
	if len(taken) != len(all) || db.Repeats() != 0 {
		t.Errorf("%d transfers, %d repeats", len(taken), db.Repeats())
	}
}

// What comes in from the wire need not be text.
func TestOctetsThatAreNotText(t *testing.T) { onBoth(t, testOctetsThatAreNotText) }

func testOctetsThatAreNotText(t *testing.T, db *DB) {
	r := journalRow(1, func(r *journal.Row) { r.Subject, r.Helo = "nul \x00 and \xff\xfe", "h\xe9lo\x00" })
	putRows(t, db, r)
	hits, err := db.Journal().Search(t.Context(), journal.Query{Helo: r.Helo, Limit: 2})
	if err != nil || len(hits) != 1 || !strings.HasPrefix(hits[0].Subject, "nul ") {
		t.Errorf("got %+v, %v", hits, err)
	}
	h := &quarantine.Held{ID: "h", Client: netip.MustParseAddr("192.0.2.1"), Blob: "b", Subject: "\xff\x00", Time: noon, State: quarantine.StateHeld}
	if err := db.Update(t.Context(), func(tx *Tx) error { return putHeld(tx, h) }); err != nil {
		t.Error(err)
	}
}

// Two that wait for each other all the same are told apart by the server, and both
// are done in the end.
func TestCircleIsRunAgain(t *testing.T) {
	db := openPostgres(t)
	for _, id := range []string{"a", "b"} {
		if err := db.Update(t.Context(), insertBlob(id)); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	var met sync.WaitGroup
	met.Add(2)
	for _, order := range [][]string{{"a", "b"}, {"b", "a"}} {
		wg.Go(func() {
			first := true
			err := db.Update(t.Context(), func(tx *Tx) error {
				for i, id := range order {
					if _, err := tx.Exec(`UPDATE blob SET refs = refs + 1 WHERE id = ?`, id); err != nil {
						return err
					}
					if i == 0 && first {
						first = false
						met.Done()
						met.Wait()
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var refs int
	err := db.View(t.Context(), func(tx *Tx) error { return tx.Row(`SELECT SUM(refs) FROM blob`, nil, &refs) })
	if err != nil || refs != 6 || db.Repeats() == 0 {
		t.Errorf("got %d references, %v, after %d repeats", refs, err, db.Repeats())
	}
}

// A connection that is lost before the commit is replaced; one that is lost in it
// leaves the caller with an error.
func TestLostConnections(t *testing.T) {
	db := openPostgres(t)
	runs := 0
	err := db.Update(t.Context(), func(tx *Tx) error {
		if err := insertBlob("before")(tx); err != nil {
			return err
		}
		if runs++; runs == 1 {
			_, err := tx.Exec(`SELECT pg_terminate_backend(pg_backend_pid())`)
			return err
		}
		return nil
	})
	if err != nil || runs != 2 {
		t.Errorf("lost before the commit: %v after %d runs", err, runs)
	}
	err = db.Update(t.Context(), func(tx *Tx) error {
		for _, text := range []string{
			`CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'`,
			`CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON blob DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.id = 'cut') EXECUTE FUNCTION cut()`,
			`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END'`,
			`CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON blob DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.id = 'no') EXECUTE FUNCTION refuse()`,
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
	if err := db.Update(t.Context(), insertBlob("cut")); !errors.Is(err, ErrUnknown) {
		t.Errorf("lost in the commit: got %v, want ErrUnknown", err)
	}
	if err := db.Update(t.Context(), insertBlob("no")); err == nil || errors.Is(err, ErrUnknown) {
		t.Errorf("refused in the commit: got %v", err)
	}
	if got := countBlobs(t, db); got != 1 {
		t.Errorf("rows: got %d, want 1", got)
	}
}
