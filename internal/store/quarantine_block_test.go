package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/quarantine"
)

var (
	heldWords   = strings.Fields("invoice Rechnung 100% lottery ÄRZTE виагра 发票 re: your account a_b urgent")
	heldDomains = []string{"one.example", "two.example", "three.example"}
)

// someHeld makes a message of a time that is not known to any other but its neighbours.
func someHeld(r *rand.Rand, n int, when time.Time) *quarantine.Held {
	subject := make([]string, 1+r.IntN(4))
	for i := range subject {
		subject[i] = heldWords[r.IntN(len(heldWords))]
	}
	domain := heldDomains[r.IntN(len(heldDomains))]
	sender := mail.Path(fmt.Sprintf("S%d@x.example", r.IntN(20)))
	if r.IntN(10) == 0 {
		sender = ""
	}
	return &quarantine.Held{
		ID: fmt.Sprintf("h%05d", n), Tx: fmt.Sprintf("t%d", n/3), Recipient: mail.Path(fmt.Sprintf("User%d@%s", r.IntN(9), domain)), Box: int64(1 + r.IntN(9)), Domain: domain,
		Sender: sender, Guarded: r.IntN(30) == 0, Client: netip.AddrFrom4([4]byte{192, 0, 2, byte(r.IntN(30))}),
		Subject: strings.Join(subject, " "), Author: fmt.Sprintf("Zoé %d <zoe@author.example>", r.IntN(500)), Filter: []string{"spf", "dnsbl", "keywords"}[r.IntN(3)],
		Reason: fmt.Sprintf("Listed by zone %d", r.IntN(40)), Blob: "blob", Size: 10, Time: when, Expires: when.Add(time.Hour), State: quarantine.StateHeld,
	}
}

// someQuery asks for one to four things.
func someQuery(r *rand.Rand, all []*quarantine.Held) (q quarantine.Query) {
	like := all[r.IntN(len(all))]
	for range 1 + r.IntN(4) {
		switch r.IntN(16) {
		case 0:
			q.Recipient = like.Recipient
		case 1:
			q.Box = like.Box
		case 2:
			q.Domain = like.Domain
		case 3:
			q.Domains = heldDomains[:1+r.IntN(3)]
		case 4:
			q.Sender = like.Sender
		case 5:
			q.Subject = someOf(r, like.Subject)
		case 6:
			q.Text = someOf(r, []string{like.Author, string(like.Sender), like.Subject}[r.IntN(3)])
		case 7:
			q.Reason = someOf(r, like.Reason)
		case 8:
			q.Filter = like.Filter
		case 9:
			q.Client = like.Client
		case 10:
			q.State = states[r.IntN(3)]
		case 11:
			q.Since = like.Time
		case 12:
			q.Until = like.Time
		case 13:
			q.Guarded = true
		case 14:
			q.NullOnly = true
		case 15:
			q.Text = "is not there"
		}
	}
	return q
}

// someOf is a part of a text, in capitals maybe.
func someOf(r *rand.Rand, s string) string {
	letters := []rune(s)
	if len(letters) == 0 {
		return "x"
	}
	from := r.IntN(len(letters))
	s = string(letters[from : from+1+r.IntN(len(letters)-from)])
	if r.IntN(2) == 0 {
		return strings.ToUpper(s)
	}
	return s
}

// naive is what a query means.
func naive(q quarantine.Query, all []*quarantine.Held) (ids []string) {
	in := func(part string, texts ...string) bool {
		return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(strings.ToLower(t), strings.ToLower(part)) })
	}
	var found []quarantine.Cursor
	for _, h := range all {
		if (q.Recipient == "" || h.Recipient.Fold() == q.Recipient.Fold()) && (q.Box == 0 || h.Box == q.Box) && (q.Domain == "" || h.Domain == q.Domain) &&
			(len(q.Domains) == 0 || slices.Contains(q.Domains, h.Domain)) && (q.Sender == "" || h.Sender.Fold() == q.Sender.Fold()) && in(q.Subject, h.Subject) &&
			in(q.Text, h.Subject, string(h.Sender), h.Author) && in(q.Reason, h.Reason) && (q.Filter == "" || h.Filter == q.Filter) &&
			(!q.Guarded || h.Guarded) && (!q.NullOnly || h.Sender == "") && (!q.Client.IsValid() || h.Client == q.Client) && (q.State == "" || h.State == q.State) && (q.Since.IsZero() || !h.Time.Before(q.Since)) &&
			(q.Until.IsZero() || h.Time.Before(q.Until)) {
			found = append(found, h.Cursor())
		}
	}
	slices.SortFunc(found, newer)
	for _, c := range found {
		ids = append(ids, c.ID)
	}
	return ids
}

// pageThrough returns all that a query finds, page by page.
func pageThrough(t *testing.T, held Quarantine, q quarantine.Query) (ids []string) {
	t.Helper()
	for range 10000 {
		p, err := held.Find(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Rows) < q.Limit && p.More && p.Until.IsZero() {
			t.Errorf("a page of %d rows says that there is more, and not how far it looked", len(p.Rows))
		}
		for _, h := range p.Rows {
			ids = append(ids, h.ID)
		}
		if !p.More {
			return ids
		}
		q.After = p.Next
	}
	t.Fatal("pages without end")
	return nil
}

// Whatever is asked, and whatever is in blocks, big and small, or late, or behind them,
// pages have what the query means, each row once.
func TestHeldSearchAgainstNaive(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) {
		r := rand.New(rand.NewPCG(16, 3))
		held := Quarantine{db, 40}
		var all []*quarantine.Held
		begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		hold := func(list ...*quarantine.Held) {
			err := db.Update(t.Context(), func(tx *Tx) error {
				for _, h := range list {
					if err := putHeld(tx, h); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, list...)
		}
		for round := range 4 {
			var list []*quarantine.Held
			for n := range 400 {
				list = append(list, someHeld(r, round*1000+n, begin.Add(time.Duration(round*1000+n/(1+r.IntN(5)))*time.Second)))
			}
			hold(list...)
			indexAll(t, held, begin.Add(time.Duration(round*1000+600)*time.Second))
			for n := range 30 { // late, some of them
				hold(someHeld(r, round*1000+800+n, begin.Add(time.Duration(round*1000-r.IntN(300))*time.Second)))
			}
		}
		for _, h := range all {
			if r.IntN(3) > 0 {
				continue
			}
			h.State = states[1+r.IntN(2)]
			if _, err := held.Settle(t.Context(), h.ID, quarantine.Act{Who: "x", What: h.State, When: begin}, nil); err != nil {
				t.Fatal(err)
			}
		}
		for range 100 {
			q := someQuery(r, all)
			want := naive(q, all)
			q.Limit = 1 + len(want)/(1+r.IntN(10)) // a dozen pages at most
			if got := pageThrough(t, held, q); !slices.Equal(got, want) {
				t.Fatalf("%+v:\ngot  %d %q\nwant %d %q", q, len(got), got, len(want), want)
			}
		}
		checkTallies(t, held, all)
	})
}

func indexAll(t testing.TB, held Quarantine, until time.Time) {
	t.Helper()
	for {
		n, err := held.Index(t.Context(), until)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

func checkTallies(t *testing.T, held Quarantine, all []*quarantine.Held) {
	t.Helper()
	want := map[string]quarantine.Tally{}
	for _, h := range all {
		n := want[h.Filter]
		n.Filter = h.Filter
		n.Held++
		if h.State == quarantine.StateReleased {
			n.Released++
		}
		want[h.Filter] = n
	}
	list, err := held.Tallies(t.Context(), all[0].Time.AddDate(0, 0, -2))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]quarantine.Tally{}
	for _, n := range list {
		got[n.Filter] = n
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("tallies: got %+v, want %+v", got, want)
	}
}

// Where too many rows are late, blocks are made anew, and where rows are gone blocks go.
func TestBlocksAreMadeAnewAndGo(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) {
		held := Quarantine{db, 50}
		r := rand.New(rand.NewPCG(1, 2))
		begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		put := func(from, n int, at func(int) time.Time) {
			err := db.Update(t.Context(), func(tx *Tx) error {
				for i := range n {
					h := someHeld(r, from+i, at(i))
					h.Subject = fmt.Sprintf("number %05d", from+i)
					if err := putHeld(tx, h); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		count := func(query string) (n int) {
			if err := db.View(t.Context(), func(tx *Tx) error { return tx.Row(query, nil, &n) }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		put(0, 200, func(i int) time.Time { return begin.Add(time.Duration(i) * time.Hour) })
		indexAll(t, held, begin.Add(1000*time.Hour))
		if got := count(`SELECT COUNT(*) FROM held_block`); got < 3 {
			t.Fatalf("%d blocks", got)
		}
		put(1000, maxLate+5, func(i int) time.Time { return begin.Add(time.Duration(i) * time.Minute) })
		if got := count(`SELECT COUNT(*) FROM held WHERE late = 1`); got != maxLate+5 {
			t.Errorf("%d rows are late", got)
		}
		indexAll(t, held, begin.Add(1000*time.Hour))
		if got := count(`SELECT COUNT(*) FROM held WHERE late = 1`); got != 0 {
			t.Errorf("%d rows are late after their blocks were made anew", got)
		}
		if got := pageThrough(t, held, quarantine.Query{Subject: "number 01004", Limit: 5}); !slices.Equal(got, []string{"h01004"}) {
			t.Errorf("got %q", got)
		}
		act := quarantine.Act{Who: "expiry", What: quarantine.StateExpired, When: begin.Add(2000 * time.Hour)}
		for _, step := range []func() (int, error){
			func() (int, error) { return held.Expire(t.Context(), act, 100) },
			func() (int, error) { return held.Purge(t.Context(), act.When.Add(time.Second), 100) },
		} {
			for n := 1; n > 0; {
				var err error
				if n, err = step(); err != nil {
					t.Fatal(err)
				}
			}
		}
		indexAll(t, held, begin)
		for _, table := range []string{"held", "held_act", "held_block", "held_gram", "held_day"} {
			if got := count(`SELECT COUNT(*) FROM ` + table); got != 0 {
				t.Errorf("%d rows are left in %s", got, table)
			}
		}
	})
}

// What is damaged is an error, and never a panic.
func FuzzSlotsOf(f *testing.F) {
	list := []posting{newPosting(5, 0), newPosting(5, 3), newPosting(1<<31, 99)}
	slices.Sort(list)
	f.Add(encodeBucket(list, 100), uint32(5), 100)
	f.Fuzz(func(t *testing.T, bucket []byte, g uint32, groups int) {
		if groups < 0 || groups > maxGroups {
			return
		}
		if set, err := slotsOf(bucket, gram(g), groups); err == nil && set != nil && len(set) != groups {
			t.Errorf("a set of %d octets for %d groups", len(set), groups)
		}
		marks, err := decodeMarks(bucket)
		if err == nil && len(marks) > 0 {
			if again, err := decodeMarks(encodeMarks(marks)); err != nil || !slices.Equal(again, marks) {
				t.Errorf("got %v, %v; want %v", again, err, marks)
			}
		}
	})
}

// A bucket knows of each gram which slots have it, written one way or the other.
func TestBucket(t *testing.T) {
	const groups = 300
	r := rand.New(rand.NewPCG(7, 7))
	want := map[gram]slotSet{}
	var list []posting
	for _, g := range []gram{0, 9, 1 << 20, 1<<31 + 5} {
		want[g] = make(slotSet, groups)
		for slot := range groups * groupSlots {
			if r.IntN(300) < 2+int(g%300) {
				want[g][slot/groupSlots] |= 1 << (slot % groupSlots)
				list = append(list, newPosting(g, slot))
			}
		}
	}
	slices.Sort(list)
	b := encodeBucket(list, groups)
	for g, set := range want {
		if got, err := slotsOf(b, g, groups); err != nil || !bytes.Equal(got, set) {
			t.Errorf("gram %d: got %v, %v; want %v", g, got, err, set)
		}
	}
	if got, err := slotsOf(b, 77, groups); err != nil || got != nil {
		t.Errorf("a gram that is not there: got %v, %v", got, err)
	}
}

// A search for a number finds the rows that have it, and hardly reads another.
func TestSlotsTellRowsApart(t *testing.T) {
	var rows []gramRow
	for i := range 5000 {
		rows = append(rows, gramRow{time: int64(i), subject: fmt.Sprintf("offer %06d", i*7919%1000000)})
	}
	b := newBlock(rows, 1)
	c := &candidate{size: len(b.marks)}
	for _, g := range textGrams(nil, gramText, fmt.Sprintf(" %06d", 4321*7919%1000000)) {
		var set slotSet
		for _, k := range b.buckets {
			if k.number == g.place()>>(32-bucketBits(1)) {
				var err error
				if set, err = slotsOf(k.grams, g, c.size); err != nil {
					t.Fatal(err)
				}
			}
		}
		c.apply(set, set.count())
	}
	if n := c.slots.count(); n != c.left || n < 1 || n > 3 || !c.slots.has(4321/groupRows) {
		t.Errorf("%d rows are left for a number that one of 5,000 has", n)
	}
}
