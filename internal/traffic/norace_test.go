//go:build !race

package traffic

// clients is how many come by in TestMemoryIsBounded.
const clients = 10_000_000
