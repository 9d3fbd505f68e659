package store

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/quarantine"
)

var (
	heldScale = flag.Int("held", 0, "compare a store of 5,000 held messages with one of so many (TestHeldScale)")
	heldOn    = flag.String("held-on", "sqlite", "the engine that they are in: sqlite or postgres")
)

// scaleBegin is when the first message of a filled store came; the last one comes 60 days
// later, and those of the first half have expired.
var scaleBegin = time.Date(2026, 9, 20, 0, 0, 0, 0, time.UTC)

const scaleDays = 60

// scaledHeld is message i of n: its senders, recipients and words are as common as those of
// mail are, whatever n is, and some are rare.
func scaledHeld(r *rand.Rand, i, n int) *quarantine.Held {
	when := scaleBegin.Add(time.Duration(float64(i) / float64(n) * scaleDays * 24 * float64(time.Hour)))
	often := func(n int) int { return int(float64(n) * r.Float64() * r.Float64() * r.Float64()) } // the first ones
	words := make([]string, 3+r.IntN(5))
	for i := range words {
		words[i] = scaleWord(often(20000))
	}
	domain := fmt.Sprintf("domain%d.example", often(500))
	user := often(300)
	sender := mail.Path(fmt.Sprintf("%s%d@%s.example", scaleWord(often(5000)), often(50), scaleWord(often(20000))))
	h := &quarantine.Held{
		ID: mail.NewID(when), Tx: fmt.Sprintf("tx%d", i/2), Recipient: mail.Path(fmt.Sprintf("user%d@%s", user, domain)), Box: int64(len(domain)*1000 + user + often(100000)),
		Domain: domain, Sender: sender, Client: netip.AddrFrom4([4]byte{198, byte(often(99)), byte(r.IntN(250)), byte(r.IntN(250))}),
		Subject: fmt.Sprintf("%s %d", strings.Join(words, " "), r.IntN(1000000)), Author: fmt.Sprintf("%s %s <%s>", words[0], words[1], sender),
		Filter: []string{"keywords", "spf", "dnsbl", "bayes", "rdns"}[often(5)], Reason: fmt.Sprintf("Listed by zone%d.example", often(30)), Score: 7,
		Blob: fmt.Sprintf("blob%d", i/1000), Size: 1000, Time: when, Expires: when.AddDate(0, 0, 30), State: quarantine.StateHeld,
	}
	switch i { // what is there once, far back
	case n / 3:
		h.Subject, h.Sender = "The Zanzibar Protocol", "lone.wolf@nowhere.example"
	case n / 4:
		h.Domain, h.Subject = "rare.example", "needle"
	}
	return h
}

// scaleWord is the word number i of a language that nobody speaks.
func scaleWord(i int) string {
	const syllables = "bacadafagahajakalamanaparasatavazabecedefegehejekelemeneperesetevezebicidifigihijikiliminipirisitivizibocodofogoho"
	var b strings.Builder
	for i += 60; i > 0; i /= len(syllables) / 2 {
		at := i % (len(syllables) / 2) * 2
		b.WriteString(syllables[at : at+2])
	}
	return b.String()
}

// fillHeld fills a store with n messages, and makes what searches need. Indexes are made
// when the rows are there.
func fillHeld(t testing.TB, db *DB, n int) {
	t.Helper()
	do := func(f func(tx *Tx) error) {
		t.Helper()
		if err := db.Update(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	again := map[string]string{}
	began := time.Now()
	progress := func(what string) {
		if n > 1000000 {
			t.Logf("%s after %v", what, time.Since(began).Round(time.Second))
		}
	}
	if n > 10000 {
		if f, ok := db.engine.(*file); ok {
			for _, p := range []string{"PRAGMA synchronous = OFF", "PRAGMA cache_size = -200000"} {
				if _, err := f.writer.c.ExecContext(t.Context(), p); err != nil {
					t.Fatal(err)
				}
			}
		}
		do(func(tx *Tx) error { return dropIndexes(tx, again) })
	}
	r := rand.New(rand.NewPCG(5, 5))
	for i := 0; i < n; {
		from := i
		do(func(tx *Tx) error {
			for i = from; i < min(from+10000, n); i++ {
				if err := putHeld(tx, scaledHeld(r, i, n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	progress("rows")
	half := toMicros(scaleBegin.AddDate(0, 0, scaleDays/2))
	do(func(tx *Tx) error {
		if _, err := tx.Exec(`UPDATE held SET state = 'expired', ended = expires WHERE time < ?`, half); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE held SET state = 'released', ended = time WHERE box % 200 = 7`)
		return err
	})
	progress("states")
	for name, text := range again {
		do(func(tx *Tx) error { _, err := tx.Exec(text); return err })
		progress(name)
	}
	if n > 1000000 {
		bigBlocks(t, db.Quarantine())
		progress("big blocks")
	}
	indexAll(t, db.Quarantine(), scaleBegin.AddDate(1, 0, 0))
}

func dropIndexes(tx *Tx, again map[string]string) error {
	list := `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'held' AND sql IS NOT NULL`
	if tx.speaks == postgresDialect {
		list = `SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'held' AND indexname <> 'held_pkey'`
	}
	rows, err := tx.Query(list)
	err = each(rows, err, func(rows *sql.Rows) error {
		var name, text string
		err := rows.Scan(&name, &text)
		again[name] = text
		return err
	})
	for name := range again {
		if _, dropped := tx.Exec(`DROP INDEX ` + name); dropped != nil {
			return dropped
		}
	}
	return err
}

// scaleQueries are what people look for, by what they would call it.
func scaleQueries(t testing.TB, db *DB) (names []string, all map[string]quarantine.Query) {
	t.Helper()
	common := scaledHeld(rand.New(rand.NewPCG(9, 9)), 1000, 2000)
	var middle quarantine.Held
	page, err := db.Quarantine().Find(t.Context(), quarantine.Query{State: quarantine.StateHeld, Until: scaleBegin.AddDate(0, 0, 45), Limit: 1})
	if err != nil || len(page.Rows) != 1 {
		t.Fatal(err)
	}
	middle = page.Rows[0]
	held, expired := quarantine.StateHeld, quarantine.StateExpired
	all = map[string]quarantine.Query{}
	add := func(name string, q quarantine.Query) {
		names = append(names, name)
		q.Limit = 50
		all[name] = q
	}
	add("all", quarantine.Query{})
	add("held", quarantine.Query{State: held})
	add("held, a page in the middle", quarantine.Query{State: held, After: middle.Cursor()})
	add("expired", quarantine.Query{State: expired})
	add("a mailbox, held", quarantine.Query{Box: middle.Box, State: held})
	add("a mailbox, any state", quarantine.Query{Box: middle.Box})
	add("a recipient, held", quarantine.Query{Recipient: middle.Recipient, State: held})
	add("a domain, held", quarantine.Query{Domain: "domain0.example", State: held})
	add("a rare domain", quarantine.Query{Domain: "rare.example"})
	add("five domains, any state", quarantine.Query{Domains: []string{"domain0.example", "domain7.example", "domain99.example", "rare.example", "none.example"}})
	add("a filter, held", quarantine.Query{Filter: "keywords", State: held})
	add("a rare filter and a domain", quarantine.Query{Filter: "bayes", Domain: "domain40.example", State: held})
	add("a filter, of an hour", quarantine.Query{Filter: "spf", State: held, Since: middle.Time.Add(-time.Hour), Until: middle.Time})
	add("a client", quarantine.Query{Client: middle.Client})
	add("a sender, often", quarantine.Query{Sender: common.Sender, State: held})
	add("a sender, once", quarantine.Query{Sender: "lone.wolf@nowhere.example"})
	add("a sender, never", quarantine.Query{Sender: "nobody@nowhere.example"})
	add("a sender, in part", quarantine.Query{Text: "lone.wolf@"})
	add("a subject, often", quarantine.Query{Subject: scaleWord(0), State: held})
	add("a subject, a common part", quarantine.Query{Subject: scaleWord(0)[1:4]})
	add("a subject, once", quarantine.Query{Subject: "zanzibar PROTOCOL"})
	add("a subject, never", quarantine.Query{Subject: "not there at all"})
	add("a subject, common words never together", quarantine.Query{Subject: scaleWord(19000) + " " + scaleWord(18999)})
	add("a subject, a number of six", quarantine.Query{Subject: " 471108"})
	add("a subject, a number of four", quarantine.Query{Subject: "4711"})
	add("a subject, two letters", quarantine.Query{Subject: "ba"})
	add("a subject, expired", quarantine.Query{Subject: scaleWord(3), State: expired})
	add("a subject, released", quarantine.Query{Subject: scaleWord(3), State: quarantine.StateReleased})
	add("a subject in a domain", quarantine.Query{Subject: scaleWord(9), Domain: "domain5.example", State: held})
	add("a subject in a rare domain", quarantine.Query{Subject: "needle", Domain: "rare.example"})
	add("a subject in a mailbox", quarantine.Query{Subject: scaleWord(2), Box: middle.Box})
	add("an author", quarantine.Query{Text: string(middle.Sender)})
	add("a reason", quarantine.Query{Reason: "zone7.example", State: held})
	add("asked for", quarantine.Query{Asked: true})
	return names, all
}

// TestHeldScale is the measurement of docs/performance.md; it needs -held.
func TestHeldScale(t *testing.T) {
	if *heldScale == 0 {
		t.Skip("a measurement: -held 5000000 -v -timeout 2h")
	}
	open := openTest
	if *heldOn == "postgres" {
		open = openPostgres
	}
	var dbs [2]*DB
	for i, n := range []int{5000, *heldScale} {
		dbs[i] = open(t)
		began := time.Now()
		fillHeld(t, dbs[i], n)
		t.Logf("%d held messages made in %v", n, time.Since(began).Round(time.Second))
	}
	fmt.Printf("| looked for | 5,000: ms | %d: ms | ratio | rows of 5,000 | rows |\n| --- | --- | --- | --- | --- | --- |\n", *heldScale)
	names, small := scaleQueries(t, dbs[0])
	_, big := scaleQueries(t, dbs[1])
	for _, name := range names {
		a, first := timeFind(t, dbs[0], small[name])
		b, page := timeFind(t, dbs[1], big[name])
		rows := fmt.Sprint(len(page.Rows))
		if !page.Until.IsZero() {
			rows += ", back to " + page.Until.Format(time.DateOnly)
		}
		fmt.Printf("| %s | %.2f | %.2f | %.1f | %d | %s |\n", name, a, b, b/a, len(first.Rows), rows)
	}
	began := time.Now()
	if _, err := dbs[1].Quarantine().Tallies(t.Context(), scaleBegin.AddDate(0, 0, 30)); err != nil {
		t.Fatal(err)
	}
	t.Logf("tallies of 30 days in %v", time.Since(began))
}

// timeFind is the median of some tries, in milliseconds of CPU, after one that warms up. What
// the clock says would be of what else the machine does.
func timeFind(t *testing.T, db *DB, q quarantine.Query) (float64, quarantine.Page) {
	t.Helper()
	var page quarantine.Page
	var took []float64
	for i := range 16 {
		began := cpuTime(t)
		var err error
		if page, err = db.Quarantine().Find(context.WithoutCancel(t.Context()), q); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			took = append(took, float64((cpuTime(t)-began).Microseconds())/1000)
		}
	}
	slices.Sort(took)
	return took[len(took)/2], page
}

// cpuTime is what this process has taken of the CPUs.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// bigBlocks makes big blocks of most rows at once, as they would be made of small ones.
func bigBlocks(t testing.TB, held Quarantine) {
	t.Helper()
	for {
		var b *block
		err := held.db.View(t.Context(), func(tx *Tx) error {
			after, err := lastBlock(tx)
			if err != nil {
				return err
			}
			rows, err := someRows(tx, after, math.MaxInt64, fan*blockRows)
			if len(rows) > 0 {
				b = newBlock(rows, 1)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			return
		}
		if err := held.replace(t.Context(), b, nil); err != nil {
			t.Fatal(err)
		}
	}
}
