package peer

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What a process left that was killed goes; what one holds stays, however old, and what is no scratch.
func TestSweep(t *testing.T) {
	parent, now := t.TempDir(), time.Now()
	made := func(prefix string) scratch {
		s, err := scratchIn(parent, prefix)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.remove() })
		return s
	}
	holding, left, other := made("gatepost-a-"), made("gatepost-a-"), made("gatepost-b-")
	left.hold.Close() // as the end of its process does
	other.hold.Close()
	plain := filepath.Join(parent, "gatepost-a-plain")
	if err := os.Mkdir(plain, 0o700); err != nil {
		t.Fatal(err)
	}
	there := func(when string, dir string, want bool) {
		t.Helper()
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: %s: got %v, want it there: %v", when, dir, err, want)
		}
	}
	sweep(parent, "gatepost-a-", now.Add(-time.Hour))
	there("new", left.dir, true) // perhaps not held yet
	sweep(parent, "gatepost-a-", now.Add(time.Hour))
	there("held", holding.dir, true)
	there("left", left.dir, false)
	there("another's", other.dir, true)
	there("no scratch", plain, true)
	if err := holding.remove(); err != nil {
		t.Error(err)
	}
	there("removed", holding.dir, false)
}
