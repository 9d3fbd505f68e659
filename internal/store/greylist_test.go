package store

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/greylist"
	"gatepost/internal/mail"
	"gatepost/internal/store/storetest"
)

func TestGreylistContract(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(*testing.T) *DB) {
		storetest.Greylist(t, func(t *testing.T) storetest.GreylistRows { return checked(t, open(t)).Greylist() })
	})
}

// twoBooks are two nodes' books on one store.
func twoBooks(t *testing.T, db *DB) (a, b *greylist.Book) {
	t.Helper()
	open := func() *greylist.Book {
		rows := db.Greylist()
		key, err := db.Secret(t.Context(), "greylist")
		if err != nil {
			t.Fatal(err)
		}
		book, err := greylist.New(greylist.Config{Rows: rows, Chores: rows, Desk: rows, Key: key, Now: func() time.Time { return noon }})
		if err != nil {
			t.Fatal(err)
		}
		return book
	}
	return open(), open()
}

// attempt is one that long after noon.
func attempt(after time.Duration, rcpt mail.Path) greylist.Question {
	return greylist.Question{
		Tx: "tx", Time: noon.Add(after), Sender: "ann@example.org", Recipient: rcpt, Domain: "example.org",
		Identities: []string{"example.org", "192.0.2.0/24"}, Terms: greylist.DefaultTerms(),
	}
}

// tries is an attempt at a book, that long after noon.
func tries(t *testing.T, b *greylist.Book, after time.Duration, rcpt mail.Path, want greylist.Result) {
	t.Helper()
	q := attempt(after, rcpt)
	a, err := b.Check(t.Context(), q)
	if err != nil || a.Result != want {
		t.Errorf("%s after %s: got %+v, %v; want %s", rcpt, after, a, err, want)
	}
	b.Record(q, a)
}

func flushed(t *testing.T, b *greylist.Book) {
	t.Helper()
	if err := b.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A retry that comes to another node passes there, though both nodes noted the first
// attempts of the second before they had written; and what a person changes at one is seen
// at the other.
func TestGreylistTwoNodes(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) {
		a, b := twoBooks(t, db)
		tries(t, a, 0, "bob@example.net", greylist.Unseen)
		tries(t, b, time.Second, "bob@example.net", greylist.Unseen) // not written yet
		flushed(t, b)
		flushed(t, a)
		tries(t, b, 2*time.Second, "bob@example.net", greylist.Early)
		tries(t, b, 299*time.Second, "bob@example.net", greylist.Early)
		tries(t, b, 300*time.Second, "bob@example.net", greylist.Passed) // by the first attempt, at the other
		flushed(t, b)
		tries(t, a, 301*time.Second, "bob@example.net", greylist.Known)

		if _, err := b.Pass(t.Context(), "example.org"); err != nil {
			t.Fatal(err)
		}
		tries(t, a, 302*time.Second, "carl@example.net", greylist.Known)
		if n, err := b.Forget(t.Context(), "example.org", ""); err != nil || n != 1 {
			t.Errorf("forgot %d, %v", n, err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); a.Run(ctx) }()
		until(t, "the other node sees it", func() bool {
			seen, err := a.Check(ctx, attempt(303*time.Second, "dora@example.net"))
			return err == nil && seen.Result == greylist.Unseen
		})
		stop()
		<-ended
	})
}

// What is asked for is found by the address of whoever asks.
func TestGreylistByAddress(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) {
		a, _ := twoBooks(t, db)
		tries(t, a, 0, "bob@example.net", greylist.Unseen)
		tries(t, a, 0, "carl@example.net", greylist.Unseen)
		for address, want := range map[mail.Path]int{"Bob@example.net": 1, "ann+x@example.org": 2, "eve@example.org": 0} {
			if list, err := a.Triplets(t.Context(), "", address, 10); err != nil || len(list) != want {
				t.Errorf("%s: got %v, %v", address, list, err)
			}
		}
		if n, err := a.Forget(t.Context(), "", "ann@example.org"); err != nil || n != 2 {
			t.Errorf("forgot %d, %v", n, err)
		}
	})
}

// Look-ups, floods and chores go through an index.
func TestGreylistPlans(t *testing.T) {
	db := openTest(t)
	for query, want := range map[string]string{
		`SELECT triplet FROM greylist_triplet WHERE triplet = 1`:                                                            "greylist_triplet USING COVERING INDEX sqlite_autoindex_greylist_triplet_1",
		`SELECT 1 FROM greylist_triplet WHERE home = 1 AND state = 0 LIMIT 9`:                                               "greylist_triplet USING COVERING INDEX greylist_triplet_home (home=? AND state=?",
		`SELECT triplet FROM greylist_triplet WHERE home = 1 AND state = 0 ORDER BY first LIMIT 9`:                          "greylist_triplet USING INDEX greylist_triplet_home (home=? AND state=?",
		`SELECT triplet FROM greylist_triplet WHERE state = 1 AND expires < 9 ORDER BY expires LIMIT 9`:                     "greylist_triplet USING COVERING INDEX greylist_triplet_expires (state=? AND expires<?",
		`SELECT triplet FROM greylist_triplet WHERE state = 0 ORDER BY expires LIMIT 9`:                                     "greylist_triplet USING COVERING INDEX greylist_triplet_expires (state=?",
		`SELECT COUNT(*) FROM greylist_triplet WHERE state = 0`:                                                             "greylist_triplet USING COVERING INDEX greylist_triplet_expires (state=?",
		`SELECT tx FROM greylist_triplet WHERE state = 0 AND (expires, triplet) > (1, 2) ORDER BY expires, triplet LIMIT 9`: "greylist_triplet USING INDEX greylist_triplet_expires (state=? AND",
		`SELECT identity FROM greylist_identity WHERE expires < 9 ORDER BY expires LIMIT 9`:                                 "greylist_identity USING INDEX greylist_identity_expires (expires<?",
	} {
		plan := ""
		err := db.View(t.Context(), func(tx *Tx) error {
			rows, err := tx.Query(`EXPLAIN QUERY PLAN ` + query)
			return each(rows, err, func(rows *sql.Rows) error {
				var id, parent, unused int
				var detail string
				err := rows.Scan(&id, &parent, &unused, &detail)
				plan += detail + "; "
				return err
			})
		})
		if err != nil || !strings.HasPrefix(plan, "SEARCH "+want) || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s: got %q, %v; want SEARCH %s", query, plan, err, want)
		}
	}
}

// BenchmarkGreylist is a look-up that memory can't answer, and a second's writing, in a
// store with many triplets; GREYLIST_ROWS says how many.
func BenchmarkGreylist(b *testing.B) {
	many := 100_000
	if s := os.Getenv("GREYLIST_ROWS"); s != "" {
		if _, err := fmt.Sscan(s, &many); err != nil {
			b.Fatal(err)
		}
	}
	for _, n := range []int{1000, many} {
		db, err := Open(b.Context(), filepath.Join(b.TempDir(), "db"))
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		fillGreylist(b, db, n)
		rows, source := db.Greylist(), rand.New(rand.NewPCG(1, 2))
		b.Run(fmt.Sprint("find/", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				number := greylistNumber(source.IntN(n))
				f, err := rows.Find(b.Context(), []int64{number, number + 2}, []string{"example.org", "192.0.2.0/24"})
				if err != nil || f.Triplets[number].Number == 0 {
					b.Fatal(f, err)
				}
			}
		})
		b.Run(fmt.Sprint("put500/", n), func(b *testing.B) {
			b.ReportAllocs()
			at := n
			for b.Loop() {
				batch := greylist.Batch{PerIdentity: 1000}
				for range 500 {
					batch.Triplets = append(batch.Triplets, greylistRow(at))
					at++
				}
				if err := rows.Put(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// greylistNumber scatters the numbers of triplets, as a hash does.
func greylistNumber(n int) int64 {
	return int64((uint64(n+1)*0x9e3779b97f4a7c15)>>1) | 1
}

func greylistRow(n int) greylist.Triplet {
	t := greylist.Triplet{
		Number: greylistNumber(n), Identity: fmt.Sprintf("198.%d.%d.0/24", n%50, n%199), Domain: fmt.Sprintf("d%d.example", n%5000), Sender: int64(n), Recipient: int64(n / 7),
		First: noon.Add(time.Duration(n) * time.Millisecond), Last: noon, Tries: 1, Tx: "01JD2QX7ABCDEFGHJKMNPQRSTV", Expires: noon.Add(4 * time.Hour),
	}
	return t
}

func fillGreylist(b *testing.B, db *DB, n int) {
	b.Helper()
	for first := 0; first < n; first += 20_000 {
		err := db.Update(b.Context(), func(tx *Tx) error {
			for i := first; i < min(first+20_000, n); i++ {
				t := greylistRow(i)
				t.State, t.Expires = greylist.Passing, noon.Add(time.Duration(i%36*24)*time.Hour)
				_, err := tx.Exec(`INSERT INTO greylist_triplet (`+tripletColumns+`, home) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
					t.Number, t.Identity, t.Domain, t.Sender, t.Recipient, t.State, toMicros(t.First), toMicros(t.Last), t.Tries, t.Tx, toMicros(t.Expires), homeOf(t.Identity))
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
