package app

import "testing"

func TestGCPercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 200, 10 << 20: 200, 20 << 20: 200, 40 << 20: 100, 100 << 20: 40, 1 << 30: 30} {
		if got := gcPercent(live); got != want {
			t.Errorf("%d MiB live: %d %%, want %d", live>>20, got, want)
		}
	}
}
