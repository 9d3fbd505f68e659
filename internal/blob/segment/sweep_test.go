package segment

import (
	"errors"
	"slices"
	"syscall"
	"testing"
)

// The file that a rewritten one stands for does not come back, whatever kept it from being
// removed: the next pass removes it, and it goes before the other one does.
func TestReplacedGoesForGood(t *testing.T) {
	for _, refused := range []string{"remove 00000001.seg", "syncdir"} {
		t.Run(refused, func(t *testing.T) {
			d, c := fillThree(t, 0)
			refuse := func(what string) {
				d.mu.Lock()
				defer d.mu.Unlock()
				d.refuse = what
			}
			has := func(name string) bool {
				list, _ := d.List()
				return slices.Contains(list, name)
			}
			refuse(refused)
			if _, err := c.s.Compact(t.Context(), c.r, 0); !errors.Is(err, syscall.EIO) {
				t.Errorf("got %v, want EIO", err)
			}
			if !has("00000001.kept") || !has("00000001.seg") {
				t.Fatal("the test tests nothing")
			}
			sound(t, c.s, c.acked)
			c.kill(func(int) bool { return true })
			if _, err := c.s.Compact(t.Context(), c.r, 0); !errors.Is(err, syscall.EIO) {
				t.Errorf("then: got %v, want EIO", err)
			}
			if !has("00000001.kept") {
				t.Error("the old file alone is left")
			}
			refuse("")
			for range 2 { // what was buried is met anew
				if _, err := c.s.Compact(t.Context(), c.r, 0); err != nil {
					t.Error(err)
				}
				c.r.Day()
			}
			if list, _ := d.List(); len(list) != 1 {
				t.Errorf("left are %q", list)
			}
		})
	}
}

// What is left of a copy that had no room, and could not be removed, is told, and is not in
// the way of the next one.
func TestUnfinishedGoesForGood(t *testing.T) {
	d, c := fillThree(t, 0)
	d.mu.Lock()
	d.space, d.lies, d.refuse = d.used()+300, true, "remove 00000003.kept.new"
	d.mu.Unlock()
	if rep, err := c.s.Compact(t.Context(), c.r, 0); rep.Files > 0 || !errors.Is(err, syscall.EIO) {
		t.Errorf("got %+v, %v", rep, err)
	}
	sound(t, c.s, c.acked)
	d.mu.Lock()
	d.space, d.refuse = 1<<30, ""
	d.mu.Unlock()
	if rep, err := c.s.Compact(t.Context(), c.r, 0); rep.Files != 3 || err != nil {
		t.Errorf("with room: got %+v, %v", rep, err)
	}
	sound(t, c.s, c.acked)
}
