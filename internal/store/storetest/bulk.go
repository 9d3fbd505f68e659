package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gatepost/internal/bulk"
)

// Bulk tests that what open returns keeps what nodes tell each other of mail that comes to
// many. Each call of open is a new, empty store.
func Bulk(t *testing.T, open func(*testing.T) bulk.Rows) {
	for name, test := range map[string]func(*testing.T, bulk.Rows){
		"a delta comes back as it was": deltaRoundTrip,
		"what is new is read":          deltaFollowed,
		"what is old goes":             deltaExpired,
		"two nodes at once":            deltaRace,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var deltaTime = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// delta is one of a fingerprint that has a number.
func delta(n byte, when time.Time) bulk.Delta {
	d := bulk.Delta{Time: when, Organisations: []uint32{uint32(n), 1 << 31}}
	d.Sum[0], d.Sketch[0], d.Sketch[31] = n, uint16(n), 0xffff
	return d
}

func putDeltas(t *testing.T, rows bulk.Rows, list ...bulk.Delta) {
	t.Helper()
	if err := rows.Put(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

func loadDeltas(t *testing.T, rows bulk.Rows, after int64, since time.Time) (list []bulk.Delta) {
	t.Helper()
	err := rows.Load(t.Context(), after, since, func(d bulk.Delta) error {
		list = append(list, d)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func deltaRoundTrip(t *testing.T, rows bulk.Rows) {
	full, bare := delta(1, deltaTime), bulk.Delta{Time: deltaTime}
	full.Signers, full.Stopped = []uint32{7}, true
	putDeltas(t, rows, full, bare)
	list := loadDeltas(t, rows, 0, deltaTime)
	if len(list) != 2 || list[0].ID == 0 || list[1].ID <= list[0].ID {
		t.Fatalf("got %+v", list)
	}
	full.ID, bare.ID = list[0].ID, list[1].ID
	if fmt.Sprint(list) != fmt.Sprint([]bulk.Delta{full, bare}) {
		t.Errorf("got %v, want %v and %v", list, full, bare)
	}
}

func sums(list []bulk.Delta) (numbers []byte) {
	for _, d := range list {
		numbers = append(numbers, d.Sum[0])
	}
	return numbers
}

func deltaFollowed(t *testing.T, rows bulk.Rows) {
	stopped := delta(1, deltaTime.Add(-time.Hour))
	stopped.Stopped = true
	putDeltas(t, rows, stopped, delta(2, deltaTime.Add(-time.Hour)), delta(3, deltaTime))
	list := loadDeltas(t, rows, 0, deltaTime)
	if got := sums(list); !slices.Equal(got, []byte{1, 3}) {
		t.Fatalf("got %v", got)
	}
	putDeltas(t, rows, delta(4, deltaTime))
	if got := sums(loadDeltas(t, rows, list[1].ID, deltaTime)); !slices.Equal(got, []byte{4}) {
		t.Errorf("after that: got %v", got)
	}
}

func deltaExpired(t *testing.T, rows bulk.Rows) {
	old, older := delta(1, deltaTime.Add(-time.Hour)), delta(2, deltaTime.Add(-8*time.Hour))
	old.Stopped, older.Stopped = true, true
	putDeltas(t, rows, old, older, delta(3, deltaTime.Add(-time.Hour)), delta(4, deltaTime.Add(-2*time.Hour)), delta(5, deltaTime))
	for _, want := range []int{2, 1, 0} {
		if n, err := rows.Expire(t.Context(), deltaTime.Add(-time.Minute), deltaTime.Add(-2*time.Hour), 2); n != want || err != nil {
			t.Errorf("removed %d, %v; want %d", n, err, want)
		}
	}
	if got := sums(loadDeltas(t, rows, 0, deltaTime.Add(-24*time.Hour))); !slices.Equal(got, []byte{1, 5}) {
		t.Errorf("left: %v", got)
	}
}

// Who follows while others write misses nothing.
func deltaRace(t *testing.T, rows bulk.Rows) {
	var writers sync.WaitGroup
	for node := range byte(4) {
		writers.Go(func() {
			for i := range byte(10) {
				putDeltas(t, rows, delta(100+10*node+i, deltaTime), delta(0, deltaTime))
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	seen, last := map[byte]bool{}, int64(0)
	for ended := false; ; {
		for _, d := range loadDeltas(t, rows, last, deltaTime) {
			seen[d.Sum[0]], last = true, d.ID
		}
		if ended {
			break
		}
		select {
		case <-done:
			ended = true
		default:
		}
	}
	if len(seen) != 41 {
		t.Errorf("%d of 41 fingerprints were seen", len(seen))
	}
}
