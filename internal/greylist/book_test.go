package greylist

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
	"gatepost/test/bubble"
)

// Each attempt of a row comes that many seconds after noon; what is written in between
// makes no difference.
func TestTerms(t *testing.T) {
	type attempt struct {
		at   int
		want Result
	}
	for name, attempts := range map[string][]attempt{
		"comes again in time":          {{0, Unseen}, {300, Passed}, {301, Known}, {36 * 86400, Known}},
		"comes too soon":               {{0, Unseen}, {1, Early}, {299, Early}, {300, Passed}},
		"comes too late":               {{0, Unseen}, {14400, Unseen}, {14401, Early}, {14700, Passed}},
		"comes just within":            {{0, Unseen}, {14399, Passed}},
		"the clock is set back":        {{0, Unseen}, {-3600, Early}, {-3400, Early}, {-3300, Passed}},
		"a pass holds while it's kept": {{0, Unseen}, {300, Passed}, {400 * 86400, Known}},
	} {
		for _, writes := range []bool{false, true} {
			t.Run(fmt.Sprint(name, writes), func(t *testing.T) {
				b := openBook(t, Config{Rows: newFakeRows()})
				for _, a := range attempts {
					try(t, b, question(a.at), a.want)
					if writes {
						flush(t, b)
					}
				}
			})
		}
	}
}

// The answer has what the client is told, and what the journal joins the attempts by.
func TestAnswer(t *testing.T) {
	b := openBook(t, Config{Rows: newFakeRows()})
	q := question(0)
	q.Tx = "first"
	try(t, b, q, Unseen)
	if a := try(t, b, question(100), Early); a.Left != 200*time.Second || a.Tx != "first" || a.Tries != 2 {
		t.Errorf("got %+v", a)
	}
	flush(t, b)
	if a := try(t, b, question(500), Passed); a.Left != 0 || a.Tx != "first" || a.Tries != 3 || !a.First.Equal(noon) || a.Identity != "192.0.2.0/24" {
		t.Errorf("got %+v", a)
	}
}

// Check says the same however often it is asked.
func TestCheckChangesNothing(t *testing.T) {
	rows := newFakeRows()
	b := openBook(t, Config{Rows: rows})
	for range 3 {
		if a, err := b.Check(t.Context(), question(0)); err != nil || a.Result != Unseen {
			t.Errorf("got %+v, %v", a, err)
		}
	}
	flush(t, b)
	if rows.puts != 0 {
		t.Error("something was written")
	}
}

// Five that passed let all of a network pass, but none of another.
func TestIdentityPassesWhole(t *testing.T) {
	b := openBook(t, Config{Rows: newFakeRows()})
	for n := range 5 {
		q := question(n).to(mail.Path(fmt.Sprintf("u%d@example.net", n)))
		try(t, b, q, Unseen)
		q.Time = q.Time.Add(400 * time.Second)
		try(t, b, q, Passed)
		flush(t, b)
	}
	if a := try(t, b, question(1000).to("new@example.net"), Known); !a.Whole {
		t.Errorf("got %+v", a)
	}
	try(t, b, question(1000).to("new@example.net").by("198.51.100.0/24"), Unseen)
	q := question(1000).to("other@example.net")
	q.Terms.Passes = 6
	try(t, b, q, Unseen)
	q.Terms.Passes = 0
	try(t, b, q, Early)
}

// Who is proven only at the second attempt has waited by his network.
func TestProvenLater(t *testing.T) {
	rows := newFakeRows()
	b := openBook(t, Config{Rows: rows})
	try(t, b, question(0), Unseen)
	try(t, b, question(300).by("example.org", "192.0.2.0/24"), Passed)
	try(t, b, question(301).by("example.org", "203.0.113.0/24"), Known)
	try(t, b, question(301).by("192.0.2.0/24"), Known)
	flush(t, b)
	if rows.found.Identities["example.org"].Passes != 1 || rows.found.Identities["192.0.2.0/24"].Passes != 1 {
		t.Errorf("got %+v", rows.found.Identities)
	}
}

// A store that fails delays no mail: whoever would wait is an error, and who passed is known.
func TestFailingStoreDelaysNobody(t *testing.T) {
	rows := newFakeRows()
	b := openBook(t, Config{Rows: rows})
	passed := question(0).to("passed@example.net")
	try(t, b, passed, Unseen)
	passed.Time = passed.Time.Add(5 * time.Minute)
	try(t, b, passed, Passed)
	flush(t, b)

	rows.deaf = errDisk
	if _, err := b.Check(t.Context(), question(310)); !errors.Is(err, errDisk) {
		t.Errorf("a store that can't be read: %v", err)
	}
	try(t, b, passed, Known) // from memory
	rows.deaf = nil

	try(t, b, question(310), Unseen)
	rows.dumb = errDisk
	if err := b.Flush(t.Context()); !errors.Is(err, errDisk) {
		t.Errorf("flush: %v", err)
	}
	if _, err := b.Check(t.Context(), question(311).to("carl@example.net")); !errors.Is(err, errDisk) {
		t.Errorf("an attempt that can't be written: %v", err)
	}
	if _, err := b.Check(t.Context(), question(312)); !errors.Is(err, errDisk) {
		t.Errorf("one that is not written yet: %v", err)
	}
	rows.dumb = nil
	flush(t, b)
	try(t, b, question(313).to("carl@example.net"), Unseen)
	try(t, b, question(610), Passed) // nothing was lost
}

// A flood of made-up senders from one network gives way to itself.
func TestFloodOfOneNetwork(t *testing.T) {
	b := openBook(t, Config{Rows: newFakeRows(), PerIdentity: 10, Pending: 100})
	try(t, b, question(0).by("198.51.100.0/24"), Unseen)
	for n := range 1000 {
		try(t, b, question(0).to(mail.Path(fmt.Sprintf("u%d@example.net", n))), Unseen)
	}
	if n := len(b.pending.triplets); n != 11 {
		t.Errorf("%d are noted", n)
	}
	try(t, b, question(0).by("198.51.100.0/24"), Early)
	try(t, b, question(0).to("u999@example.net"), Early)
	try(t, b, question(0).to("u989@example.net"), Unseen)
}

// A flood from everywhere does not grow the node, and has nobody wait for ever.
func TestFloodOfAll(t *testing.T) {
	b := openBook(t, Config{Rows: newFakeRows(), Pending: 50})
	for n := range 50 {
		try(t, b, question(0).by(fmt.Sprintf("192.0.%d.0/24", n)), Unseen)
	}
	if _, err := b.Check(t.Context(), question(0).by("198.51.100.0/24")); err == nil {
		t.Error("an attempt that can't be noted must not wait")
	}
	try(t, b, question(1).by("192.0.7.0/24"), Early)
	flush(t, b)
	try(t, b, question(0).by("198.51.100.0/24"), Unseen)
}

// What is used all the time is written once an hour.
func TestUsesAreWrittenSeldom(t *testing.T) {
	rows := newFakeRows()
	b := openBook(t, Config{Rows: rows})
	try(t, b, question(0), Unseen)
	try(t, b, question(300), Passed)
	flush(t, b)
	before := rows.puts
	for n := range 7200 {
		try(t, b, question(301+n), Known)
		if n%60 == 0 {
			flush(t, b)
		}
	}
	flush(t, b)
	if n := rows.puts - before; n < 1 || n > 4 {
		t.Errorf("%d writes in two hours", n)
	}
	for _, r := range rows.found.Triplets {
		if last := noon.Add(7500 * time.Second); r.Expires.Before(last.Add(r36)) {
			t.Errorf("it is forgotten at %s, less than 36 days after its last use", r.Expires)
		}
	}
}

const r36 = 36 * 24 * time.Hour

// Two connections bring the same retry at once: it passes, and counts, once.
func TestPassesOnce(t *testing.T) {
	rows := newFakeRows()
	b := openBook(t, Config{Rows: rows})
	try(t, b, question(0), Unseen)
	one, err := b.Check(t.Context(), question(400))
	two, err2 := b.Check(t.Context(), question(401))
	if errors.Join(err, err2) != nil || one.Result != Passed || two.Result != Passed {
		t.Fatal(one, two, err, err2)
	}
	b.Record(question(400), one)
	b.Record(question(401), two)
	flush(t, b)
	if d := rows.delays; len(d) != 1 || d[0].Deferred != 1 || d[0].Returned != 1 || d[0].Waits[3] != 1 {
		t.Errorf("got %+v", d)
	}
}

// Run writes each second, sees what people changed elsewhere, removes what is old by a
// clock that is believed, and writes what is left at its end.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := newFakeRows()
		var believed atomic.Bool
		old := func(context.Context) (time.Time, bool) { return noon, believed.Load() }
		var log bytes.Buffer
		b := openBook(t, Config{Rows: rows, Chores: rows, Old: old, Log: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); b.Run(ctx) }()
		synctest.Wait() // its first turn is over
		try(t, b, question(0), Unseen)
		bubble.Sleep(1100 * time.Millisecond)
		if len(rows.found.Triplets) != 1 {
			t.Error("not written within a second")
		}
		try(t, b, question(300), Passed)
		bubble.Sleep(time.Second)
		rows.set(func() { clear(rows.found.Triplets) }) // another node was told to forget
		try(t, b, question(301), Known)
		rows.set(func() { rows.changes++ })
		bubble.Sleep(time.Second)
		try(t, b, question(302), Unseen)

		bubble.Sleep(time.Minute)
		if len(rows.swept) != 0 || len(rows.folded) != 0 {
			t.Error("something was removed by a clock that is not believed")
		}
		believed.Store(true)
		bubble.Sleep(time.Minute)
		if len(rows.swept) != 3 || strings.Join(rows.folded, ",") != "2026-11-25 2026-08-28,2026-11-26 2026-08-28" {
			t.Errorf("got %v, %v", rows.swept, rows.folded)
		}

		rows.set(func() { rows.dumb = errDisk })
		try(t, b, question(303).to("carl@example.net"), Unseen)
		bubble.Sleep(5 * time.Second)
		rows.set(func() { rows.dumb = nil })
		bubble.Sleep(time.Second)
		if n := strings.Count(log.String(), "can't be written"); n != 1 || !strings.Contains(log.String(), "written again") {
			t.Errorf("the log says\n%s", &log)
		}
		try(t, b, question(304).to("dora@example.net"), Unseen)
		stop()
		<-done
		if len(rows.found.Triplets) != 3 {
			t.Errorf("%d triplets are written at the end", len(rows.found.Triplets))
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	rows := newFakeRows()
	book := openBook(b, Config{Rows: rows})
	q := question(0)
	a, _ := book.Check(b.Context(), q)
	book.Record(q, a)
	q = question(300)
	a, _ = book.Check(b.Context(), q)
	book.Record(q, a)
	b.Run("warm", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if a, _ := book.Check(b.Context(), q); a.Result != Known {
				b.Fatal(a)
			}
		}
	})
	b.Run("record", func(b *testing.B) {
		b.ReportAllocs()
		a, _ := book.Check(b.Context(), q)
		for b.Loop() {
			book.Record(q, a)
		}
	})
}
