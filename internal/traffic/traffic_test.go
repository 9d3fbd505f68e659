package traffic

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
)

// A clock is moved by hand.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newTraffic(entries int) (*Traffic, *clock) {
	c := &clock{time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)}
	return New(Config{Entries: entries, Now: c.now}), c
}

var (
	here  = netip.MustParseAddr("192.0.2.7")
	there = netip.MustParseAddr("198.51.100.7")
)

func TestConnections(t *testing.T) {
	tr, c := newTraffic(0)
	var closed []func()
	for range 10 {
		tr.Connected(here)
		_, left := tr.Arrived(here)
		closed = append(closed, left)
	}
	tr.Connected(there)
	tr.Arrived(there)
	want := func(at string, minute float64, open int) {
		t.Helper()
		neighbour := netip.MustParseAddr("192.0.2.200")
		o, left := tr.Arrived(neighbour)
		defer left()
		if n := tr.Connections(neighbour); n != minute || o-1 != open {
			t.Errorf("%s: got %g a minute, %d open; want %g, %d", at, n, o-1, minute, open)
		}
	}
	want("at once", 10, 10)
	for _, f := range closed[:9] {
		f()
	}
	want("nine closed", 10, 1)
	c.at = c.at.Add(90 * time.Second)
	want("a minute and a half on", 5, 1)
	c.at = c.at.Add(time.Minute)
	want("all is past", 0, 1)
	closed[9]()
	if len(tr.open) != 1 {
		t.Errorf("%d networks are remembered as open, want that of the other client alone", len(tr.open))
	}
	c.at = c.at.Add(-time.Hour) // a clock that was set back
	tr.Connected(here)
	want("set back, which forgets nothing", 11, 0)
}

func TestMessages(t *testing.T) {
	tr, _ := newTraffic(0)
	for range 3 {
		tr.Sent(here, "Ann@Example.org")
	}
	tr.Sent(there, "ann@example.org")
	tr.Sent(there, mail.Null)
	if client, sender := tr.Messages(here, "ann@example.org"); client != 3 || sender != 3 {
		t.Errorf("got %g of the client, %g of the sender; want 3, 3", client, sender)
	}
	if client, sender := tr.Messages(there, mail.Null); client != 2 || sender != 0 {
		t.Errorf("got %g of the client, %g of the null path; want 2, 0", client, sender)
	}
}

// Distinct addresses count, not how often each was tried; and they age.
func TestTally(t *testing.T) {
	tr, c := newTraffic(0)
	for i := range 100 {
		for range 5 {
			tr.Tried(here, mail.Path(fmt.Sprintf("u%d@example.net", i)), true)
		}
	}
	for i := range 50 {
		for range 5 {
			tr.Tried(here, mail.Path(fmt.Sprintf("k%d@example.net", i)), false)
		}
	}
	got := tr.Tally(here)
	if math.Abs(got.Unknown-100) > 15 || math.Abs(got.Known-50) > 8 {
		t.Errorf("got %+v, want about 100 unknown, 50 known", got)
	}
	if share := got.Share(); share < 0.62 || share > 0.71 {
		t.Errorf("share %g", share)
	}
	if own, next := tr.Own(here), tr.Own(netip.MustParseAddr("192.0.2.8")); own != got || next != (Tally{}) {
		t.Errorf("of the address %+v, of the one beside it %+v", own, next)
	}
	six := netip.MustParseAddr("2001:db8::1")
	tr.Tried(six, "v@example.net", true)
	if tr.Own(six) != tr.Tally(six) || tr.Own(six).Unknown < 0.9 {
		t.Errorf("of IPv6 %+v", tr.Own(six))
	}
	c.at = c.at.Add(Harvest)
	tr.Tried(here, "v@example.net", true)
	if got := tr.Tally(here).Unknown; math.Abs(got-101) > 15 {
		t.Errorf("an hour later: %g", got)
	}
	c.at = c.at.Add(Harvest)
	if got := tr.Tally(here).Unknown; got < 0.9 || got > 1.2 {
		t.Errorf("two hours later: %g, want the last one", got)
	}
	c.at = c.at.Add(3 * Harvest)
	tr.Tried(here, "w@example.net", true)
	if got := tr.Tally(here).Unknown; got < 0.9 || got > 1.2 {
		t.Errorf("much later: %g, want one", got)
	}
	if got := (Tally{}).Share(); got != 0 {
		t.Errorf("share of nothing: %g", got)
	}
	for i := range 10_000 {
		tr.Tried(there, mail.Path(fmt.Sprintf("u%d@example.net", i)), true)
	}
	if got := tr.Tally(there).Unknown; got < 1000 || got > 1500 {
		t.Errorf("10,000 tried: %g; it is full above 1,000", got)
	}
}

func TestHistory(t *testing.T) {
	tests := []struct {
		name string
		play func(tr *Traffic, c *clock)
		want bool
	}{
		{"a stranger", func(*Traffic, *clock) {}, false},
		{"enough, for long enough", func(tr *Traffic, c *clock) { took(tr, 25, true); c.at = c.at.Add(6 * time.Hour); took(tr, 25, true) }, true},
		{"too few", func(tr *Traffic, c *clock) { took(tr, 49, true); c.at = c.at.Add(6 * time.Hour) }, false},
		{"too new", func(tr *Traffic, c *clock) { took(tr, 500, true); c.at = c.at.Add(5 * time.Hour) }, false},
		{"some spam", func(tr *Traffic, c *clock) { took(tr, 50, true); took(tr, 2, false); c.at = c.at.Add(6 * time.Hour) }, false},
		{"a provider's spam", func(tr *Traffic, c *clock) { took(tr, 1000, true); took(tr, 20, false); c.at = c.at.Add(6 * time.Hour) }, true},
		{"long ago", func(tr *Traffic, c *clock) { took(tr, 500, true); c.at = c.at.Add(2 * Past) }, false},
		{"spam is no history", func(tr *Traffic, c *clock) {
			took(tr, 5, false)
			if tr.histories.size() != 0 {
				took(tr, 1000, true) // and fails
			}
		}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr, c := newTraffic(0)
			test.play(tr, c)
			if got := tr.Good(here); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func took(tr *Traffic, n int, good bool) {
	for range n {
		tr.Took(here, good)
	}
}

func TestPatienceAndFaults(t *testing.T) {
	tr, c := newTraffic(0)
	if tr.Patient(here, time.Hour) {
		t.Error("a stranger is patient")
	}
	tr.Waited(here)
	c.at = c.at.Add(59 * time.Minute)
	if !tr.Patient(here, time.Hour) || tr.Patient(there, time.Hour) {
		t.Error("it waited, and the other did not")
	}
	c.at = c.at.Add(time.Minute)
	if tr.Patient(here, time.Hour) {
		t.Error("it is not forgotten in time")
	}
	for i := range 3 {
		if got := tr.Fault(here); got != float64(i+1) {
			t.Errorf("fault %d: %g", i+1, got)
		}
	}
	if got := tr.Fault(netip.MustParseAddr("192.0.2.8")); got != 1 {
		t.Errorf("a neighbour's first: %g", got)
	}
	six := func(s string) float64 { return tr.Fault(netip.MustParseAddr(s)) }
	if a, b, c := six("2001:db8::1"), six("2001:db8::2"), six("2001:db8:0:1::1"); a != 1 || b != 2 || c != 1 {
		t.Errorf("of IPv6: %g, %g, and of another /64 %g", a, b, c)
	}
	c.at = c.at.Add(2 * Faults)
	if got := tr.Fault(here); got != 1 {
		t.Errorf("later: %g", got)
	}
}

func TestPit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pit
		begin := time.Now()
		var wg sync.WaitGroup
		var waited [3]bool
		for i := range waited {
			wg.Go(func() { waited[i] = p.Wait(t.Context(), time.Second, 2) })
			synctest.Wait()
		}
		wg.Wait()
		if waited != [3]bool{true, true, false} || time.Since(begin) != time.Second {
			t.Errorf("got %v after %s", waited, time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if p.Wait(ctx, time.Hour, 2) || p.inside.Load() != 0 {
			t.Error("it waits longer than it may, or is not let out")
		}
	})
}

// Ten million clients come by, each from a network of its own, and memory stays as it was;
// who sends good mail is still known.
func TestMemoryIsBounded(t *testing.T) {
	n := clients
	if testing.Short() {
		n = 500_000
	}
	tr, c := newTraffic(20_000)
	took(tr, 100, true)
	c.at = c.at.Add(7 * time.Hour)
	visit := func(from, to int) {
		var b [16]byte
		b[0] = 0x20
		for i := from; i < to; i++ {
			binary.BigEndian.PutUint64(b[:8], 0x2001_0db8_0000_0000|uint64(i))
			a := netip.AddrFrom16(b)
			tr.Connected(a)
			if i%8 == 0 { // the others cost time alone
				tr.Tried(a, "x@example.net", true)
				tr.Sent(a, "x@example.org")
				tr.Fault(a)
				tr.Waited(a)
				tr.Took(a, false)
			}
		}
	}
	visit(0, n/4)
	before := heap()
	visit(n/4, n)
	after := heap()
	if after > before+2<<20 {
		t.Errorf("memory grew from %d to %d octets", before, after)
	}
	for name, size := range map[string]int{"connections": tr.connections.size(), "messages": tr.messages.size(), "tries": tr.tries.size(), "patient": tr.patient.size(), "faults": tr.faults.size()} {
		if size < 9_000 || size > 20_032 {
			t.Errorf("%s: %d entries, want between half of 20,000 and all", name, size)
		}
	}
	if len(tr.open) != 0 || tr.histories.size() != 1 || !tr.Good(here) {
		t.Errorf("%d open, %d histories, good %t", len(tr.open), tr.histories.size(), tr.Good(here))
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Who comes again and again is not forgotten for those who come once.
func TestBusyOnesStay(t *testing.T) {
	tr, c := newTraffic(640)
	var b [16]byte
	for i := range 100_000 {
		c.at = c.at.Add(time.Millisecond / 10)
		binary.BigEndian.PutUint64(b[:8], 0x2001_0db8_0000_0000|uint64(i))
		tr.Connected(netip.AddrFrom16(b))
		if i%50 == 0 {
			tr.Connected(here)
		}
	}
	if n := tr.Connections(here); n < 1900 {
		t.Errorf("got %g, want the 2,000 that there were", n)
	}
}

func BenchmarkConnected(b *testing.B) {
	tr := New(Config{})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		var octets [16]byte
		i := uint64(0)
		for pb.Next() {
			i++
			binary.BigEndian.PutUint64(octets[:8], i)
			a := netip.AddrFrom16(octets)
			tr.Connections(a)
			tr.Connected(a)
		}
	})
}

// Mail to a mailbox is counted over the last hour, apart from that to others.
func TestInbound(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	c := New(Config{Now: func() time.Time { return now }})
	for range 30 {
		c.Stored(7, 2000)
	}
	c.Stored(8, 1)
	for range 3 {
		c.Stored(10, 1<<52) // nobody wraps the counter round
	}
	for _, step := range []struct {
		later            time.Duration
		box              int64
		messages, octets float64
	}{
		{0, 7, 30, 30 * 2048}, {0, 8, 1, 1024}, {0, 9, 0, 0}, {0, 10, 3, math.MaxUint32 * 1024},
		{90 * time.Minute, 7, 15, 15 * 2048}, {time.Hour, 7, 0, 0},
	} {
		now = now.Add(step.later)
		if messages, octets := c.Inbound(step.box); messages != step.messages || octets != step.octets {
			t.Errorf("box %d, %v later: %v messages of %v octets, want %v of %v", step.box, step.later, messages, octets, step.messages, step.octets)
		}
	}
}
