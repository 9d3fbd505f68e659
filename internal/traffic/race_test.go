//go:build race

package traffic

// clients is how many come by in TestMemoryIsBounded: the race detector makes each ten
// times as dear.
const clients = 500_000
