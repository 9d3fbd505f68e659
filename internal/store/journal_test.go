package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"gatepost/internal/journal"
	"gatepost/internal/mail"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 123_456_000, time.UTC)

// journalRow is a transaction n seconds after noon.
func journalRow(n int, change func(*journal.Row)) *journal.Row {
	r := &journal.Row{
		ID: fmt.Sprintf("t%04d", n), Time: noon.Add(time.Duration(n) * time.Second), Client: "192.0.2.7", Helo: "mx.example.net",
		Sender: "news@example.net", Subject: "Votre FACTURE impayée", MessageID: "<1@example.net>", Size: 4711, Evidence: "00000001-0000000000",
		Lines: []journal.Line{{Recipient: "ann@example.org", Policy: "default", Action: "spam", Entry: "spf", Filter: "spf", Reason: "softfail", Score: 2.5, State: "held"}},
	}
	if change != nil {
		change(r)
	}
	return r
}

func putRows(t *testing.T, db *DB, rows ...*journal.Row) {
	t.Helper()
	if err := db.Journal().Put(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
}

// search returns the ids and lines found.
func search(t *testing.T, db *DB, q journal.Query) (found []string) {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	hits, err := db.Journal().Search(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hits {
		found = append(found, fmt.Sprintf("%s/%d", h.ID, h.Number))
	}
	return found
}

func TestJournalKeepsEveryColumn(t *testing.T) { onBoth(t, testJournalKeepsEveryColumn) }

func testJournalKeepsEveryColumn(t *testing.T, db *DB) {
	r := journalRow(1, func(r *journal.Row) { r.Login = "bob@example.org" })
	putRows(t, db, r)
	hits, err := db.Journal().Search(t.Context(), journal.Query{ID: r.ID, Limit: 1})
	want := journal.Hit{
		ID: r.ID, Time: r.Time, Client: r.Client, Helo: r.Helo, Login: r.Login, Sender: r.Sender, Subject: r.Subject,
		MessageID: r.MessageID, Size: r.Size, Evidence: r.Evidence, Line: r.Lines[0],
	}
	if err != nil || len(hits) != 1 || hits[0] != want {
		t.Errorf("got %+v, %v\nwant %+v", hits, err, want)
	}
}

func TestJournalSearch(t *testing.T) { onBoth(t, testJournalSearch) }

func testJournalSearch(t *testing.T, db *DB) {
	putRows(t, db,
		journalRow(1, nil),
		journalRow(2, func(r *journal.Row) { r.Sender, r.Client, r.Subject = "", "2001:db8::25", "100% free_gift!" }),
		journalRow(3, func(r *journal.Row) {
			r.Helo, r.Login, r.MessageID = "laptop", "bob@example.com", "<3@example.net>"
			r.Lines = append(r.Lines, journal.Line{Recipient: "cy@sub.example.org", Action: "accept", Filter: "ip-allow", State: "delivered"})
		}),
	)
	all := []string{"t0003/1", "t0003/0", "t0002/0", "t0001/0"}
	for _, c := range []struct {
		name string
		q    journal.Query
		want []string
	}{
		{"everything, newest first", journal.Query{}, all},
		{"limit", journal.Query{Limit: 2}, all[:2]},
		{"id", journal.Query{ID: "t0003"}, all[:2]},
		{"recipient", journal.Query{Recipient: "cy@sub.example.org"}, all[:1]},
		{"recipient's domain", journal.Query{Domain: "example.org"}, all[1:]},
		{"sender", journal.Query{Sender: "news@example.net"}, []string{"t0003/1", "t0003/0", "t0001/0"}},
		{"null reverse-path", journal.Query{NullOnly: true}, all[2:3]},
		{"client", journal.Query{Client: "2001:db8::25"}, all[2:3]},
		{"helo", journal.Query{Helo: "laptop"}, all[:2]},
		{"login", journal.Query{Login: "bob@example.com"}, all[:2]},
		{"message-id", journal.Query{MessageID: "<3@example.net>"}, all[:2]},
		{"filter", journal.Query{Filter: "ip-allow"}, all[:1]},
		{"action", journal.Query{Action: "spam"}, all[1:]},
		{"state", journal.Query{State: "delivered"}, all[:1]},
		{"part of a subject", journal.Query{Subject: "facture"}, []string{"t0003/1", "t0003/0", "t0001/0"}},
		{"subject beyond ASCII", journal.Query{Subject: "impayée", Client: "192.0.2.7", Limit: 1}, all[:1]},
		{"wildcards mean themselves", journal.Query{Subject: "% free_gift!"}, all[2:3]},
		{"no wildcard", journal.Query{Subject: "1_0"}, nil},
		{"from", journal.Query{From: noon.Add(2 * time.Second)}, all[:3]},
		{"to is not included", journal.Query{To: noon.Add(2 * time.Second)}, all[3:]},
		{"two at once", journal.Query{Recipient: "ann@example.org", Sender: "news@example.net", Helo: "laptop"}, all[1:2]},
		{"nothing", journal.Query{Recipient: "ann@example.org", State: "delivered"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := search(t, db, c.q); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// Pages that follow one another have each line once, also where many have one time.
func TestJournalPages(t *testing.T) { onBoth(t, testJournalPages) }

func testJournalPages(t *testing.T, db *DB) {
	var want []string
	for i := range 10 {
		r := journalRow(i, func(r *journal.Row) {
			r.Time = noon
			r.Lines = append(r.Lines, r.Lines[0], r.Lines[0])
		})
		putRows(t, db, r)
		for n := range r.Lines {
			want = append(want, fmt.Sprintf("%s/%d", r.ID, n))
		}
	}
	slices.Reverse(want)
	for name, q := range map[string]journal.Query{
		"by time": {Limit: 7}, "by recipient": {Limit: 7, Recipient: "ann@example.org"}, "by sender": {Limit: 1, Sender: "news@example.net"},
	} {
		var got []string
		for {
			hits, err := db.Journal().Search(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if len(hits) == 0 {
				break
			}
			for _, h := range hits {
				got = append(got, fmt.Sprintf("%s/%d", h.ID, h.Number))
			}
			q.After = hits[len(hits)-1].Cursor()
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v\nwant %v", name, got, want)
		}
	}
}

// A search reads the index alone until something matches, and a later page none
// of those before it.
func TestJournalSearchUsesItsIndex(t *testing.T) {
	db := openTest(t)
	for _, c := range []struct {
		q    journal.Query
		want string
	}{
		{journal.Query{}, "SEARCH journal USING INDEX journal_time (time>? AND time<?)"},
		{journal.Query{Recipient: "ann@example.org", NullOnly: true}, "SEARCH journal USING INDEX journal_time (time>? AND time<?)"},
		{journal.Query{ID: "t0001", Client: "192.0.2.7"}, "SEARCH journal USING INDEX sqlite_autoindex_journal_1 (id=?)"},
	} {
		var plan string
		err := db.View(t.Context(), func(tx *Tx) error {
			var id, parent, unused int
			query, args := journalSearch(c.q)
			return tx.Row(`EXPLAIN QUERY PLAN `+query, args, &id, &parent, &unused, &plan)
		})
		if err != nil {
			t.Fatal(err)
		}
		if plan != c.want {
			t.Errorf("plan: got %q, want %q", plan, c.want)
		}
	}
}

func TestJournalState(t *testing.T) { onBoth(t, testJournalState) }

func testJournalState(t *testing.T, db *DB) {
	putRows(t, db, journalRow(1, func(r *journal.Row) {
		r.Lines = append(r.Lines, journal.Line{Recipient: "cy@example.org", State: "held"})
	}))
	for _, id := range []string{"t0001", "long gone"} {
		if err := db.Journal().SetState(t.Context(), id, "cy@example.org", "released"); err != nil {
			t.Error(err)
		}
	}
	if got := search(t, db, journal.Query{State: "released"}); !slices.Equal(got, []string{"t0001/1"}) {
		t.Errorf("released: got %v", got)
	}
}

func TestJournalExpires(t *testing.T) { onBoth(t, testJournalExpires) }

func testJournalExpires(t *testing.T, db *DB) {
	var rows []*journal.Row
	for i := range expireChunk + 10 {
		rows = append(rows, journalRow(i, func(r *journal.Row) { r.Lines = append(r.Lines, r.Lines[0]) }))
	}
	putRows(t, db, rows...)
	last := rows[len(rows)-1]
	if err := db.Journal().Expire(t.Context(), last.Time); err != nil {
		t.Fatal(err)
	}
	if got := search(t, db, journal.Query{}); !slices.Equal(got, []string{last.ID + "/1", last.ID + "/0"}) {
		t.Errorf("left: got %v", got)
	}
}

// The row stands or falls with the commit that it belongs to.
func TestJournalRowIsPartOfItsCommit(t *testing.T) { onBoth(t, testJournalRowIsPartOfItsCommit) }

func testJournalRowIsPartOfItsCommit(t *testing.T, db *DB) {
	boom := errors.New("boom")
	err := db.Update(t.Context(), func(tx *Tx) error {
		if err := putJournal(tx, journalRow(1, nil)); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("got %v", err)
	}
	if got := search(t, db, journal.Query{Recipient: mail.Path("ann@example.org")}); got != nil {
		t.Errorf("found %v", got)
	}
}
