package queue

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
	"gatepost/test/bubble"
)

func synced(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

var fine = Result{Fate: Carried, Reply: Reply{Host: "mx.a.example [192.0.2.1]:25", Code: 250, Enhanced: "2.0.0", Text: "ok", Command: "end of data"}}

// What is woken is carried at once, all recipients of a message together.
func TestCarried(t *testing.T) {
	synced(t, func(t *testing.T) {
		m := newMemory()
		var jobs []int
		q, _ := run(t, m, carrier(func(_ context.Context, job Job) Report {
			jobs = append(jobs, len(job.Transfers))
			if got := string(readAll(job.Content)); !strings.HasSuffix(got, "body\r\n") {
				t.Errorf("content %q", got)
			}
			return each(job, fine)
		}))
		m.letter("s@here.example", "a@a.example", "b@a.example")
		q.Wake(toA)
		synctest.Wait()
		if m.left() != 0 || len(jobs) != 1 || jobs[0] != 2 {
			t.Errorf("%d left after jobs of %v", m.left(), jobs)
		}
	})
}

func readAll(m *mail.Message) []byte {
	b := make([]byte, m.Size())
	m.ReadAt(b, 0)
	return b
}

// Waits double up to their limit; in the end the sender is told once.
func TestRetries(t *testing.T) {
	synced(t, func(t *testing.T) {
		m := newMemory()
		var at []time.Duration
		began := time.Now()
		later := Result{Reply: Reply{Host: "mx.a.example [192.0.2.1]:25", Code: 451, Enhanced: "4.3.0", Text: "tired", Command: "RCPT"}}
		q, _ := run(t, m, carrier(func(_ context.Context, job Job) Report {
			if job.Destination == Local {
				return each(job, fine)
			}
			at = append(at, time.Since(began))
			return each(job, later)
		}))
		m.letter("s@here.example", "a@a.example")
		q.Wake(toA)
		bubble.Sleep(6 * 24 * time.Hour)
		if m.left() != 0 || len(m.ended["a@a.example"]) != 1 || m.ended["a@a.example"][0] != Refused {
			t.Errorf("%d left, ended %v", m.left(), m.ended)
		}
		want := 5 * time.Minute
		for i := 1; i < len(at)-1; i++ {
			wait := at[i] - at[i-1]
			if wait < want*8/10 || wait > want*12/10+time.Second {
				t.Errorf("wait %d was %v, want about %v", i, wait, want)
			}
			want = min(2*want, 4*time.Hour)
		}
		if end := at[len(at)-1]; end < 5*24*time.Hour || end > 5*24*time.Hour+time.Minute {
			t.Errorf("the last attempt was after %v, want at the end of its lifetime", end)
		}
		if len(m.notices) != 2 || !strings.Contains(m.notices[0], "Action: delayed") || !strings.Contains(m.notices[1], "Status: 5.4.7") ||
			!strings.Contains(m.notices[1], "Diagnostic-Code: smtp; 451 4.3.0 tired") {
			t.Errorf("told %d: %q", len(m.notices), m.notices)
		}
	})
}

// A first greylisting costs the first wait to the second.
func TestGreylisted(t *testing.T) {
	synced(t, func(t *testing.T) {
		m := newMemory()
		var at []time.Duration
		began := time.Now()
		q, _ := run(t, m, carrier(func(_ context.Context, job Job) Report {
			if at = append(at, time.Since(began)); len(at) == 1 {
				return each(job, Result{Reply: Reply{Code: 450, Enhanced: "4.7.1", Text: "greylisted"}})
			}
			return each(job, fine)
		}))
		m.letter("s@here.example", "a@a.example")
		q.Wake(toA)
		bubble.Sleep(time.Hour)
		if len(at) != 2 || at[1]-at[0] != 5*time.Minute {
			t.Errorf("tried at %v", at)
		}
	})
}

// A dead destination costs one connection a rest, however many wait for it; each of
// them still comes to its end, and others go on meanwhile.
func TestUnreachable(t *testing.T) {
	synced(t, func(t *testing.T) {
		m := newMemory()
		var mu sync.Mutex
		const many = 200
		dead, alive := 0, 0
		q, _ := run(t, m, carrier(func(_ context.Context, job Job) Report {
			mu.Lock()
			defer mu.Unlock()
			if job.Destination != toA {
				alive++
				return each(job, fine)
			}
			dead++
			r := each(job, Result{Reply: Reply{Enhanced: "4.4.1", Text: "connection refused", Command: "connect"}})
			r.Unreachable = true
			return r
		}))
		for range many {
			m.letter("", "a@a.example")
		}
		q.Wake(toA)
		synctest.Wait()
		if q.Resting(toA).IsZero() { // later it may be between two rests
			t.Error("it does not rest")
		}
		bubble.Sleep(time.Hour)
		if dead > 20 {
			t.Errorf("%d connections in an hour for %d messages", dead, many)
		}
		other := m.letter("", "b@b.example")
		m.mu.Lock()
		m.rows[m.last].Destination = "mx:b.example"
		m.mu.Unlock()
		_ = other
		q.Wake("mx:b.example")
		synctest.Wait()
		if alive != 1 {
			t.Error("another destination was kept waiting")
		}
		before := dead
		q.Flush(toA)
		synctest.Wait()
		bubble.Sleep(5 * 24 * time.Hour)
		if dead == before {
			t.Error("a flush did not try it")
		}
		if m.left() != 0 || len(m.ended["a@a.example"]) != many {
			t.Errorf("%d are left at the end of their lifetime", m.left())
		}
	})
}

// What nobody wants to hear of is not told, and never a report about a report.
func TestNotify(t *testing.T) {
	for name, c := range map[string]struct {
		sender mail.Path
		notify mail.Notify
		result Result
		want   string // Action
	}{
		"failure":         {"s@here.example", 0, Result{Fate: Refused, Reply: Reply{Code: 550, Enhanced: "5.1.1"}}, "failed"},
		"never":           {"s@here.example", mail.NotifyNever, Result{Fate: Refused}, ""},
		"delay only":      {"s@here.example", mail.NotifyDelay, Result{Fate: Refused}, ""},
		"null":            {"", mail.NotifyFailure, Result{Fate: Refused}, ""},
		"success":         {"s@here.example", 0, fine, ""},
		"success, wanted": {"s@here.example", mail.NotifySuccess, fine, "relayed"},
		"passed on":       {"s@here.example", mail.NotifySuccess, Result{Fate: Carried, Notifies: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synced(t, func(t *testing.T) {
				m := newMemory()
				q, _ := run(t, m, carrier(func(_ context.Context, job Job) Report {
					if job.Destination == Local {
						return each(job, fine)
					}
					return each(job, c.result)
				}))
				msg := m.letter(c.sender)
				m.add(&Transfer{Message: msg, Recipient: "a@a.example", Destination: toA, Params: mail.RcptParams{Notify: c.notify}})
				q.Wake(toA)
				synctest.Wait()
				got := strings.Join(m.notices, "")
				if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, "Action: "+c.want+"\r\n") {
					t.Errorf("told %q, want %q", got, c.want)
				}
				if m.left() != 0 {
					t.Errorf("%d left", m.left())
				}
			})
		})
	}
}

// A report on what came with REQUIRETLS goes so itself, and has the header alone (RFC 8689 §5).
func TestReportRequiresTLS(t *testing.T) {
	for _, asked := range []bool{true, false} {
		synced(t, func(t *testing.T) {
			m := newMemory()
			var reports []bool
			q, _ := run(t, m, carrier(func(_ context.Context, job Job) Report {
				if job.Message.Sender.IsNull() {
					reports = append(reports, job.Message.Params.RequireTLS)
					return each(job, fine)
				}
				return each(job, Result{Fate: Refused, Reply: Reply{Code: 550, Enhanced: "5.7.30"}})
			}))
			msg := m.letter("s@here.example")
			msg.Params.Return, msg.Params.RequireTLS = "FULL", asked
			m.add(&Transfer{Message: msg, Recipient: "a@a.example", Destination: toA})
			q.Wake(toA)
			synctest.Wait()
			if len(m.notices) != 1 || strings.Contains(m.notices[0], "body\r\n") == asked || len(reports) != 1 || reports[0] != asked {
				t.Errorf("%v: reports went so: %v\n%s", asked, reports, m.notices)
			}
		})
	}
}

// A clock that leapt, or is ahead, ends no mail, and what it put off is not put off any longer than
// anything is.
func TestClockAhead(t *testing.T) {
	synced(t, func(t *testing.T) {
		m := newMemory()
		var doubt atomic.Bool
		doubt.Store(true)
		var tries atomic.Int64
		q := New(Config{
			Rows: m, Contents: m, Router: here{}, Observer: silence{}, Retry: 5 * time.Minute, RetryMax: 4 * time.Hour, Lifetime: time.Hour, DelayNotice: 4 * time.Hour, Parallel: 20, Connections: 100,
			Carrier: carrier(func(_ context.Context, job Job) Report {
				tries.Add(1)
				return each(job, Result{Fate: Deferred, Reply: Reply{Code: 450, Enhanced: "4.2.0"}})
			}),
			Old: func(context.Context) (time.Time, bool) { return time.Time{}, !doubt.Load() },
		})
		msg := m.letter("s@here.example", "a@a.example")
		msg.Created, msg.Expires = msg.Created.AddDate(0, -2, 0), msg.Expires.AddDate(0, -2, 0) // by a clock that was right
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- q.Run(ctx, time.Minute) }()
		time.Sleep(2 * 24 * time.Hour)
		synctest.Wait()
		if n := tries.Load(); m.left() != 1 || len(m.notices) != 0 || n < 10 || n > 30 {
			t.Errorf("in doubt: %d left after %d tries, told %q", m.left(), n, m.notices)
		}
		m.mu.Lock()
		for _, r := range m.rows { // as a clock ahead would have left it
			r.Due = time.Now().Add(60 * 24 * time.Hour)
		}
		m.mu.Unlock()
		before := tries.Load()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if tries.Load() == before {
			t.Error("what was put off far is not tried again")
		}
		doubt.Store(false)
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		if len(m.notices) != 1 {
			t.Errorf("believed again: %d left, %d notices", m.left(), len(m.notices))
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Where a report can't be stored the failure is not final: nobody would hear of it.
func TestReportNotStored(t *testing.T) {
	synced(t, func(t *testing.T) {
		m := newMemory()
		q, _ := run(t, m, carrier(func(_ context.Context, job Job) Report {
			if job.Destination == Local {
				return each(job, fine)
			}
			return each(job, Result{Fate: Refused, Reply: Reply{Code: 550, Enhanced: "5.1.1", Text: "no"}})
		}))
		m.letter("s@here.example", "a@a.example", "b@a.example")
		m.full = true
		q.Wake(toA)
		synctest.Wait()
		if m.left() != 2 {
			t.Fatalf("%d are left, want both", m.left())
		}
		m.mu.Lock()
		m.full = false
		m.mu.Unlock()
		bubble.Sleep(time.Hour)
		if m.left() != 0 || len(m.notices) != 1 || strings.Count(m.notices[0], "Final-Recipient:") != 2 {
			t.Errorf("%d left, told %q", m.left(), m.notices)
		}
	})
}

// A carrier that panics, and content that is gone, are no end.
func TestBroken(t *testing.T) {
	synced(t, func(t *testing.T) {
		m := newMemory()
		q, _ := run(t, m, carrier(func(context.Context, Job) Report { panic("boom") }))
		msg := m.letter("s@here.example", "a@a.example")
		q.Wake(toA)
		synctest.Wait()
		m.mu.Lock()
		delete(m.contents, msg.Blob)
		m.mu.Unlock()
		bubble.Sleep(time.Hour)
		if m.left() != 1 || m.rows[1].Attempts < 3 || m.rows[1].Last.Enhanced != "4.3.0" {
			t.Errorf("%d left, %+v", m.left(), m.rows[1])
		}
	})
}

// A database that is away when the queue begins is waited for.
func TestBeginWithoutRows(t *testing.T) {
	synced(t, func(t *testing.T) {
		m := newMemory()
		m.away = 3
		q, _ := run(t, m, carrier(func(ctx context.Context, job Job) Report { return each(job, fine) }))
		m.letter("s@here.example", "a@a.example")
		q.Wake(toA)
		bubble.Sleep(4 * reclaimPause)
		if n := m.left(); n != 0 {
			t.Errorf("%d left", n)
		}
	})
}

// A queue that is stopped gives back what it has not begun, and waits for the rest.
func TestStop(t *testing.T) {
	synced(t, func(t *testing.T) {
		m := newMemory()
		q, stop := run(t, m, carrier(func(ctx context.Context, job Job) Report {
			time.Sleep(time.Second)
			return each(job, fine)
		}))
		for range 10 {
			m.letter("s@here.example", "a@a.example")
		}
		q.Wake(toA)
		bubble.Sleep(1500 * time.Millisecond)
		stop()
		if n := m.left(); n != 8 {
			t.Errorf("%d left, want 8: two were under way", n)
		}
		for _, r := range m.rows {
			if r.claimed {
				t.Errorf("transfer %d is still claimed", r.ID)
			}
		}
	})
}

// A world that refuses, stalls, dies and comes back, and a queue that is thrown away
// and begun anew: each transfer comes to one end, and is carried twice only where
// the queue died between carrying and settling.
func TestSimulation(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	synced(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := newMemory()
		var mu sync.Mutex
		carried := map[mail.Path]int{}
		world := carrier(func(ctx context.Context, job Job) Report {
			mu.Lock()
			dice, stall := r.IntN(10), time.Duration(r.IntN(20))*time.Second
			mu.Unlock()
			select {
			case <-time.After(stall):
			case <-ctx.Done():
			}
			report := each(job, Result{Reply: Reply{Code: 451, Enhanced: "4.0.0", Text: "later"}})
			mu.Lock()
			defer mu.Unlock()
			for i, t := range job.Transfers {
				switch {
				case dice < 2:
					report.Unreachable = true
				case r.IntN(4) == 0:
				case r.IntN(20) == 0:
					report.Results[i] = Result{Fate: Refused, Reply: Reply{Code: 550, Enhanced: "5.1.1", Text: "no"}}
				default:
					report.Results[i] = fine
					carried[t.Recipient]++
				}
			}
			return report
		})
		const letters = 300
		for i := range letters {
			m.letter("s@here.example", mail.Path(string(rune('a'+i%26))+"-"+string(rune('a'+i/26))+"@a.example"))
			m.mu.Lock()
			m.rows[m.last].Destination = Destination("mx:" + string(rune('a'+i%7)) + ".example")
			m.mu.Unlock()
		}
		for range 5 {
			_, stop := run(t, m, world)
			mu.Lock()
			pause := time.Duration(r.IntN(3600)) * time.Second
			mu.Unlock()
			bubble.Sleep(pause)
			stop()
		}
		q, _ := run(t, m, world)
		bubble.Sleep(7 * 24 * time.Hour)
		q.Wake(Local)
		synctest.Wait()
		if m.left() != 0 {
			t.Errorf("%d are left", m.left())
		}
		for rcpt, ends := range m.ended {
			if rcpt == "s@here.example" {
				continue
			}
			if len(ends) != 1 || ends[0] == Carried && carried[rcpt] != 1 || ends[0] == Refused && carried[rcpt] != 0 {
				t.Errorf("%s: ended %v, carried %d times", rcpt, ends, carried[rcpt])
			}
		}
		if len(m.ended) != letters+1 {
			t.Errorf("%d recipients came to an end, want %d and the sender", len(m.ended), letters)
		}
	})
}

// Destinations that keep connections and take nothing, however many, leave some to one
// that is known to take mail, and to our own.
func TestTarpits(t *testing.T) {
	synced(t, func(t *testing.T) {
		m := newMemory()
		var mu sync.Mutex
		stuck, served := 0, 0
		q, _ := run(t, m, carrier(func(ctx context.Context, job Job) Report {
			if job.Destination == toA || job.Destination == ToDomain("ours.example") {
				mu.Lock()
				defer mu.Unlock()
				served++
				return each(job, fine)
			}
			mu.Lock()
			stuck++
			mu.Unlock()
			<-ctx.Done()
			mu.Lock()
			defer mu.Unlock()
			stuck--
			return each(job, Result{Reply: Reply{Enhanced: "4.4.2", Text: "no answer in time"}})
		}))
		add := func(d Destination) {
			m.add(&Transfer{Message: m.letter("s@here.example"), Recipient: "x@x.example", Destination: d})
			q.Wake(d)
		}
		add(toA) // which is known from now on
		synctest.Wait()
		for i := range 200 {
			add(ByMX(fmt.Sprintf("t%03d.example", i)))
		}
		for want := 3; want < 50; want += 2 {
			bubble.Sleep(7 * time.Minute)
			add(toA)
			add(ToDomain("ours.example"))
			synctest.Wait()
			mu.Lock()
			if stuck != 50 || served != want {
				t.Errorf("%d are stuck, want 50; %d were served, want %d", stuck, served, want)
			}
			mu.Unlock()
		}
	})
}

// A slow destination with much mail does not keep others, of which nobody knows yet, from
// their turn.
func TestTurns(t *testing.T) {
	synced(t, func(t *testing.T) {
		m := newMemory()
		began := time.Now()
		var at time.Duration
		q, _ := run(t, m, carrier(func(_ context.Context, job Job) Report {
			if job.Destination == toA {
				time.Sleep(2 * time.Minute)
			} else {
				at = time.Since(began)
			}
			return each(job, fine)
		}))
		q.c.Connections = 2
		for range 200 {
			m.letter("s@here.example", "a@a.example")
		}
		q.Wake(toA)
		bubble.Sleep(3 * time.Minute)
		m.add(&Transfer{Message: m.letter("s@here.example"), Recipient: "b@b.example", Destination: "mx:b.example"})
		q.Wake("mx:b.example")
		bubble.Sleep(12 * time.Hour)
		if at == 0 || at > 20*time.Minute || m.left() != 0 {
			t.Errorf("it had its turn after %v, %d left", at, m.left())
		}
	})
}

// A server that takes its time: nobody carries what another worker still has, though a
// claim ends before all that was claimed with it is done.
func TestSlow(t *testing.T) {
	synced(t, func(t *testing.T) {
		m := newMemory()
		var mu sync.Mutex
		times := map[mail.Path]int{}
		q, _ := run(t, m, carrier(func(_ context.Context, job Job) Report {
			mu.Lock()
			times[job.Transfers[0].Recipient]++
			mu.Unlock()
			time.Sleep(90 * time.Second)
			return each(job, fine)
		}))
		for i := range 150 {
			m.letter("s@here.example", mail.Path(fmt.Sprintf("r%d@a.example", i)))
		}
		q.Wake(toA)
		bubble.Sleep(24 * time.Hour)
		if m.left() != 0 || len(times) != 150 {
			t.Errorf("%d left, %d carried", m.left(), len(times))
		}
		for r, n := range times {
			if n != 1 {
				t.Errorf("%s was carried %d times", r, n)
			}
		}
	})
}

// What is held where it is refused is reported to nobody, late or refused or expired.
func TestHeldNotReported(t *testing.T) {
	m := newMemory()
	q := New(Config{Rows: m, Contents: m, Retry: 5 * time.Minute, RetryMax: time.Hour, DelayNotice: time.Minute, HoldFor: 24 * time.Hour})
	now := time.Now()
	old := &Message{Created: now.Add(-time.Hour), Expires: now.Add(time.Hour)}
	over := &Message{Created: now.Add(-time.Hour), Expires: now}
	refused := Result{Fate: Refused, Reply: Reply{Code: 550, Enhanced: "5.1.1"}}
	for name, c := range map[string]struct {
		m    *Message
		r    Result
		hold bool
	}{"refused": {old, refused, true}, "expired": {over, Result{}, true}, "late": {old, Result{}, false}, "carried": {old, fine, false}} {
		s, kind := q.conclude(&Transfer{Message: c.m, Hold: true}, c.r, now, true)
		if kind != "" || s.Hold.IsZero() == c.hold || s.Delayed {
			t.Errorf("%s: told %q, held until %v", name, kind, s.Hold)
		}
		if _, kind := q.conclude(&Transfer{Message: c.m}, c.r, now, true); name != "carried" && kind == "" {
			t.Errorf("%s, of a true sender: nothing is told", name)
		}
	}
}
