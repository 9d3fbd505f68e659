package challenge

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/mail"
	"gatepost/test/bubble"
)

// memory is Rows, Sender and Observer: what the store keeps.
type memory struct {
	mu      sync.Mutex
	due     []Due
	sent    []Record
	failed  map[mail.Path]time.Time
	why     map[string][]string // by transaction
	counted map[string]int
	err     error // of Send
	forgot  int
}

func newMemory() *memory {
	return &memory{failed: map[mail.Path]time.Time{}, why: map[string][]string{}, counted: map[string]int{}}
}

func (m *memory) Due(context.Context) (Due, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.due) == 0 {
		return Due{}, false, nil
	}
	return m.due[0], true, nil
}

func (m *memory) Withhold(_ context.Context, tx string, domains []string, why Why) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range domains {
		m.why[tx] = append(m.why[tx], d+": "+string(why))
	}
	first := &m.due[0]
	first.Domains = slices.DeleteFunc(slices.Clone(first.Domains), func(d string) bool { return slices.Contains(domains, d) })
	if len(first.Domains) == 0 {
		m.due = m.due[1:]
	}
	return nil
}

func (m *memory) Told(_ context.Context, sender mail.Path, domains []string, since time.Time) (told []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.sent {
		for _, d := range r.Domains {
			if r.Sender == sender && r.Time.After(since) && slices.Contains(domains, d) && !slices.Contains(told, d) {
				told = append(told, d)
			}
		}
	}
	return told, nil
}

func (m *memory) Bounces(_ context.Context, sender mail.Path, since time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failed[sender].After(since), nil
}

func (m *memory) Sent(_ context.Context, since time.Time) (n int, first time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := len(m.sent) - 1; i >= 0 && m.sent[i].Time.After(since); i-- {
		n, first = n+1, m.sent[i].Time
	}
	return n, first, nil
}

func (m *memory) Forget(context.Context, time.Time, time.Time, time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgot++
	return nil
}

// Off has the domain off.example tell nobody.
func (m *memory) Off(domains []string) (off []string) {
	for _, d := range domains {
		if d == "off.example" {
			off = append(off, d)
		}
	}
	return off
}

func (m *memory) Send(_ context.Context, _ Due, r Record) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return false, m.err
	}
	m.sent = append(m.sent, r)
	m.due = m.due[1:]
	return true, nil
}

// counts is the memory as an Observer.
type counts struct{ m *memory }

func (c counts) Told(what string) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.m.counted[what]++
}

// hold makes something due.
func (m *memory) hold(n *Notifier, d Due) {
	m.mu.Lock()
	if d.Time.IsZero() {
		d.Time = time.Now()
	}
	m.due = append(m.due, d)
	m.mu.Unlock()
	n.Wake()
}

func (m *memory) tally() (sent, due int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sent), len(m.due)
}

// notifying runs a Notifier over m in a bubble.
func notifying(t *testing.T, perHour int, f func(t *testing.T, m *memory, n *Notifier)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		n := NewNotifier(Config{
			Rows: m, Sender: m, Observer: counts{m}, PerHour: perHour, Again: 24 * time.Hour, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { n.Run(ctx); close(done) }()
		synctest.Wait() // its first turn found nothing
		f(t, m, n)
		cancel()
		<-done
	})
}

func due(tx string, sender mail.Path, domains ...string) Due {
	return Due{Tx: tx, Sender: sender, Proof: "spf", Domains: domains}
}

func TestNotifier(t *testing.T) {
	notifying(t, 100, func(t *testing.T, m *memory, n *Notifier) {
		m.failed["gone@example.org"] = time.Now().Add(-24 * time.Hour)
		m.failed["back@example.org"] = time.Now().Add(-91 * 24 * time.Hour)
		m.hold(n, due("first", "prvs=0123456789=ann@example.org", "a.example", "b.example"))
		m.hold(n, due("again", "ann@example.org", "a.example"))
		m.hold(n, due("partly", "ann+x@example.org", "b.example", "c.example"))
		m.hold(n, due("off", "dan@example.org", "off.example", "a.example"))
		m.hold(n, due("bounces", "gone@example.org", "a.example"))
		m.hold(n, due("back", "back@example.org", "a.example"))
		m.hold(n, Due{Tx: "unproven", Sender: "forged@victim.example", Domains: []string{"a.example"}})
		m.hold(n, Due{Tx: "virus", Sender: "bob@example.org", Proof: "spf", Guarded: true, Domains: []string{"a.example"}})
		m.hold(n, Due{Tx: "old", Sender: "bob@example.org", Proof: "spf", Domains: []string{"a.example"}, Time: time.Now().Add(-25 * time.Hour)})
		synctest.Wait()
		var sent []string
		for _, r := range m.sent {
			sent = append(sent, r.Tx+" "+strings.Join(r.Domains, ","))
		}
		if want := []string{"first a.example,b.example", "partly c.example", "off a.example", "back a.example"}; !slices.Equal(sent, want) {
			t.Errorf("sent: got %q, want %q", sent, want)
		}
		for tx, want := range map[string]string{
			"again": "a.example: told lately", "partly": "b.example: told lately", "bounces": "a.example: bounces", "off": "off.example: switched off",
			"unproven": "a.example: not proven", "virus": "a.example: guarded", "old": "a.example: too old",
		} {
			if got := strings.Join(m.why[tx], "; "); got != want {
				t.Errorf("%s: got %q, want %q", tx, got, want)
			}
		}
		bubble.Sleep(25 * time.Hour)
		m.hold(n, due("next day", "ann@example.org", "a.example"))
		synctest.Wait()
		if sent, _ := m.tally(); sent != 5 {
			t.Errorf("%d sent; a day later there is one more", sent)
		}
	})
}

// What the hour's notices leave over waits, and is given up when it is a day old.
func TestNotifierHour(t *testing.T) {
	notifying(t, 10, func(t *testing.T, m *memory, n *Notifier) {
		for i := range 1000 {
			m.hold(n, due(mail.NewID(time.Now()), mail.Path("p"+string(rune('a'+i%26))+strings.Repeat("x", i/26)+"@example.org"), "a.example"))
		}
		synctest.Wait()
		if sent, due := m.tally(); sent != 10 || due != 990 {
			t.Errorf("%d sent at once, %d wait; want 10 and 990", sent, due)
		}
		bubble.Sleep(48 * time.Hour)
		sent, due := m.tally()
		if sent < 240 || sent > 250 || due != 0 || m.counted["too old"] != 1000-sent {
			t.Errorf("%d sent in two days, %d wait, counted %v; want some 250, none", sent, due, m.counted)
		}
		for i := range len(m.sent) - 10 {
			if d := m.sent[i+10].Time.Sub(m.sent[i].Time); d < time.Hour {
				t.Fatalf("11 notices within %v", d)
			}
		}
	})
}

// What can't be sent stays due.
func TestNotifierFails(t *testing.T) {
	notifying(t, 10, func(t *testing.T, m *memory, n *Notifier) {
		m.err = errors.New("store gone")
		m.hold(n, due("one", "ann@example.org", "a.example"))
		bubble.Sleep(3 * time.Minute)
		if sent, due := m.tally(); sent != 0 || due != 1 {
			t.Errorf("%d sent, %d due", sent, due)
		}
		m.mu.Lock()
		m.err = nil
		m.mu.Unlock()
		bubble.Sleep(3 * time.Minute)
		if sent, due := m.tally(); sent != 1 || due != 0 {
			t.Errorf("%d sent, %d due after the store came back", sent, due)
		}
	})
}

// AgentJ sent challenges for all that was in quarantine after an upgrade (issues 313 and
// 510): 40,000 messages of a week that are found due at a start lead to a few notices.
func TestAgentJStorm(t *testing.T) {
	notifying(t, 500, func(t *testing.T, m *memory, n *Notifier) {
		began := time.Now()
		m.mu.Lock()
		for i := range 40_000 {
			d := due(mail.NewID(began), mail.Path("p"+mail.NewID(began)+"@example.org"), "a.example")
			d.Time = began.Add(-7 * 24 * time.Hour).Add(time.Duration(i) * 15 * time.Second)
			m.due = append(m.due, d)
		}
		m.mu.Unlock()
		n.Wake()
		bubble.Sleep(time.Minute)
		if sent, _ := m.tally(); sent > 500 {
			t.Errorf("%d notices at once", sent)
		}
		bubble.Sleep(72 * time.Hour)
		sent, due := m.tally()
		if fresh := int(24 * time.Hour / (15 * time.Second)); sent > fresh || due != 0 || m.counted["too old"] != 40_000-sent {
			t.Errorf("%d sent, %d due, counted %v; at most %d of the last day may be told", sent, due, m.counted, fresh)
		}
	})
}

// By a clock that leapt no notice is forgotten, and one that was put back forgets as before.
func TestClockAhead(t *testing.T) {
	m, now, believed := newMemory(), time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC), true
	n := NewNotifier(Config{Rows: m, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }, Old: func(context.Context) (time.Time, bool) { return now, believed }})
	last := time.Time{}
	for _, step := range []struct {
		name     string
		passes   time.Duration
		believed bool
		want     int
	}{
		{"first", 0, true, 1},
		{"at once again", 0, true, 1},
		{"a year ahead", 365 * 24 * time.Hour, false, 1},
		{"put right", -365 * 24 * time.Hour, true, 2},
		{"some hours ahead", 5 * time.Hour, true, 3},
		{"and back", -4 * time.Hour, true, 4},
	} {
		now, believed = now.Add(step.passes), step.believed
		if last = n.forget(t.Context(), last); m.forgot != step.want {
			t.Errorf("%s: forgot %d times, want %d", step.name, m.forgot, step.want)
		}
	}
}
