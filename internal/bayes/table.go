package bayes

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// newTable returns a table of zeros that lives as long as its model: who looks at it holds the model's
// lock, or keeps it alive otherwise. It lies outside of Go's heap, which may grow to a multiple of what
// lives in it before the collector runs: 16 MiB there cost three times as much. What was never
// written takes no memory.
func newTable(m *Model) []entry {
	b, err := unix.Mmap(-1, 0, size*int(unsafe.Sizeof(entry{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil { // no room for mappings: then as everything else
		return make([]entry, size)
	}
	runtime.AddCleanup(m, func(b []byte) { unix.Munmap(b) }, b)
	return unsafe.Slice((*entry)(unsafe.Pointer(&b[0])), size)
}
