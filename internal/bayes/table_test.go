package bayes

import (
	"runtime"
	"testing"
)

// A model's tables are not the collector's: it would let the heap grow to a multiple of them.
func TestTableIsOutsideOfTheHeap(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m := New()
	m.share()
	runtime.ReadMemStats(&after)
	if took := int64(after.TotalAlloc - before.TotalAlloc); took > 1<<20 {
		t.Errorf("a model takes %d octets of the heap", took)
	}
	if len(m.table) != size || len(m.taken) != size || m.table[size-1] != (entry{}) {
		t.Error("it has no tables")
	}
	runtime.KeepAlive(m)
}
