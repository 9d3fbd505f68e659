package app

import "testing"

// Memory is given back when nothing has gone on for a while, if there is enough of it, and not
// all the time.
func TestRest(t *testing.T) {
	const mib = 1 << 20
	var r rest
	for i, c := range []struct {
		name string
		now  memoryUse
		want bool
	}{
		{"at the start", memoryUse{50 * mib, 100 * mib}, false},
		{"at work", memoryUse{500 * mib, 100 * mib}, false},
		{"at rest", memoryUse{501 * mib, 100 * mib}, true},
		{"just given", memoryUse{502 * mib, 100 * mib}, false},
		{"just given", memoryUse{503 * mib, 100 * mib}, false},
		{"just given", memoryUse{504 * mib, 100 * mib}, false},
		{"just given", memoryUse{505 * mib, 100 * mib}, false},
		{"just given", memoryUse{506 * mib, 100 * mib}, false},
		{"little", memoryUse{507 * mib, 20 * mib}, false},
		{"more", memoryUse{508 * mib, 33 * mib}, true},
	} {
		if got := r.due(c.now); got != c.want {
			t.Errorf("%d, %s: %v", i, c.name, got)
		}
	}
}

// The runtime still has all metrics.
func TestReadMemory(t *testing.T) {
	if m := readMemory(); m.allocated == 0 {
		t.Errorf("%+v", m)
	}
}
