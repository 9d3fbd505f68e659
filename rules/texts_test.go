package rules

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// A part is folded once, however many ask for it at the same time.
func TestTextsFoldOnce(t *testing.T) {
	var asked atomic.Int32
	texts := New(func(w Where) []string {
		asked.Add(1)
		return []string{"", "Ｆｒｅｅ  OFFER", string(w)}
	})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			var got []string
			for _, text := range texts.In(Subject) {
				got = append(got, string(text.Folded))
			}
			if want := []string{"free offer", "subject"}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	wg.Wait()
	texts.In(Body)
	if n := asked.Load(); n != 2 {
		t.Errorf("asked for parts %d times, want 2", n)
	}
}

func TestTextsJoin(t *testing.T) {
	texts := body("get v.i.a.g.r.s now")
	if got := texts.In(Body)[0]; string(got.Folded) != "get v.i.a.g.r.s now" || string(got.Joined) != "viagrs\n" {
		t.Errorf("got %q, %q", got.Folded, got.Joined)
	}
}
