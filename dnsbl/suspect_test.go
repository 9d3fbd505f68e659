package dnsbl

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/test/bubble"
)

// A sheet answers for a zone by a function of the whole name, and counts questions.
type sheet struct {
	mu    sync.Mutex
	says  func(name string) string
	asked int
}

func (s *sheet) LookupNetIP(ctx context.Context, network, name string) ([]netip.Addr, error) {
	s.mu.Lock()
	s.asked++
	text := s.says(name)
	s.mu.Unlock()
	dns := fakeDNS{}
	if text != "" {
		dns[name] = text
	}
	return dns.LookupNetIP(ctx, network, name)
}

func (s *sheet) set(says func(string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.says = says
}

// points answers the test points as they should be, and the rest by f.
func points(f func(string) string) func(string) string {
	return func(name string) string {
		switch {
		case strings.HasPrefix(name, "2.0.0.127.") || strings.HasPrefix(name, "test."):
			return "127.0.0.2"
		case strings.HasPrefix(name, "1.0.0.127.") || strings.HasPrefix(name, "invalid."):
			return ""
		}
		return f(name)
	}
}

func everybody(string) string { return "127.0.0.2" }
func nobody(string) string    { return "" }

// TestSuspect holds who switches a list off: the list, by listing the innocent, and not a
// stranger, however many networks or domains of his are listed.
func TestSuspect(t *testing.T) {
	within48 := func(i int) string { return fmt.Sprintf("2001:db8:66:%x::1", i) }
	within16 := func(i int) string { return fmt.Sprintf("198.51.%d.7", i%256) }
	domains := func(i int) string { return fmt.Sprintf("spam%d.example", i) }
	notThree := points(func(name string) string {
		if strings.HasPrefix(name, "33.27.12.202.") || strings.HasPrefix(name, "example.net.") {
			return ""
		}
		return "127.0.0.2"
	})
	cases := []struct {
		name   string
		kind   string
		about  func(int) string
		says   func(string) string
		broken bool
	}{
		{"one listed /48", "deny", within48, points(nobody), false},
		{"250 listed /24s", "deny", within16, points(nobody), false},
		{"listed domains that are forged", "domain", domains, points(nobody), false},
		{"a good /48", "allow", within48, points(nobody), false},
		{"it lists some who are innocent", "deny", within16, notThree, false},
		{"and domains", "domain", domains, notThree, false},
		{"it lists the world", "deny", within16, points(everybody), true},
		{"it is good to the world", "allow", within48, points(everybody), true},
		{"it lists all domains", "domain", domains, points(everybody), true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := list(t, "a", c.kind, 1, false)
				var w witness
				dns := &sheet{says: points(nobody)}
				h := NewHealth(dns, &w)
				h.Watch(l)
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wg.Go(func() { h.Run(ctx) })
				synctest.Wait()
				bubble.Sleep(suspectEvery) // of the bubble's clock
				dns.set(c.says)
				for i := range 250 {
					h.Note([]Answer{{List: l, State: Hit, About: c.about(i)}})
				}
				synctest.Wait()
				if err := h.Trouble(l); (err != nil) != c.broken {
					t.Errorf("got %v", err)
				}
				if c.broken { // it recovers by itself, though strangers go on
					dns.set(points(nobody))
					for i := range 250 {
						h.Note([]Answer{{List: l, State: Hit, About: c.about(i)}})
					}
					bubble.Sleep(suspectEvery)
					if got := w.String(); got != "a broke, a recovered" {
						t.Errorf("told %s", got)
					}
				}
				cancel()
				wg.Wait()
			})
		})
	}
}

// TestSuspectIsProbedSeldom holds that a stranger does not have a list asked all the time.
func TestSuspectIsProbedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := list(t, "a", "deny", 1, false)
		dns := &sheet{says: points(nobody)}
		h := NewHealth(dns, nil)
		h.Watch(l)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { h.Run(ctx) })
		for i := range 10 * 60 { // for ten minutes, a full window each second
			for j := range breakerWindow {
				h.Note([]Answer{{List: l, State: Hit, About: fmt.Sprintf("2001:db8:%x:%x::1", i, j)}})
			}
			bubble.Sleep(time.Second)
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		if most := 12 * 3; dns.asked > most || dns.asked < 8*3 {
			t.Errorf("%d questions in ten minutes", dns.asked)
		}
	})
}
