package store

import (
	"slices"
	"testing"
	"time"
)

// Names of nodes are known to all of them, and for a time when nobody has them any more.
func TestHostnames(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) {
		begin := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
		wants := func(name string, now, before time.Time, want ...string) {
			t.Helper()
			got, err := db.Hostnames(t.Context(), name, now, before)
			slices.Sort(got)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
			}
		}
		year := 365 * 24 * time.Hour
		wants("a.example", begin, time.Time{}, "a.example")
		wants("b.example", begin.Add(time.Minute), time.Time{}, "a.example", "b.example")
		wants("a.example", begin.Add(2*time.Minute), time.Time{}, "a.example", "b.example")
		wants("b.example", begin.Add(year/2), begin.Add(-year/2), "a.example", "b.example")
		wants("b.example", begin.Add(year+2*time.Hour), begin.Add(2*time.Hour), "b.example")
		wants("c.example", begin, begin.Add(-year), "b.example", "c.example") // the clock went back
		wants("c.example", begin.Add(2*year), begin.Add(3*year), "c.example") // its own is never forgotten
	})
}
