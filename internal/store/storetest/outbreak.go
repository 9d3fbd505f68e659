package storetest

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"gatepost/internal/outbreak"
)

// Outbreak tests that what open returns keeps to whom new files went. Each call of open is a
// new, empty store.
func Outbreak(t *testing.T, open func(*testing.T) outbreak.Rows) {
	for name, test := range map[string]func(*testing.T, outbreak.Rows){
		"round trip":   outbreakRoundTrip,
		"pages":        outbreakPages,
		"swept":        outbreakSwept,
		"many at once": outbreakTogether,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var outbreakTime = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// outbreakRow is a file's of the number, to an organisation, so many seconds after noon.
func outbreakRow(file byte, organisation int64, seconds int) outbreak.Row {
	return outbreak.Row{Sum: outbreak.Sum{file, 0, 255}, Organisation: organisation, Time: outbreakTime.Add(time.Duration(seconds) * time.Second)}
}

func outbreakPut(t *testing.T, rows outbreak.Rows, list ...outbreak.Row) {
	t.Helper()
	if err := rows.Put(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

func outbreakSince(t *testing.T, rows outbreak.Rows, after outbreak.Place, limit int) []outbreak.Row {
	t.Helper()
	list, err := rows.Since(t.Context(), after, limit)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func outbreakRoundTrip(t *testing.T, rows outbreak.Rows) {
	outbreakPut(t, rows, outbreakRow(2, 1, 5), outbreakRow(1, 1<<62, 5), outbreakRow(1, 2, 0))
	outbreakPut(t, rows, outbreakRow(1, 2, 9), outbreakRow(1, 2, -9)) // has it already
	want := []outbreak.Row{outbreakRow(1, 2, 0), outbreakRow(1, 1<<62, 5), outbreakRow(2, 1, 5)}
	if got := outbreakSince(t, rows, outbreak.Place{}, 10); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if got := outbreakSince(t, rows, outbreak.Place{Time: want[1].Time}, 10); !reflect.DeepEqual(got, want[1:]) {
		t.Errorf("from a time: got %v", got)
	}
}

func outbreakPages(t *testing.T, rows outbreak.Rows) {
	var list []outbreak.Row
	for n := range 10 {
		list = append(list, outbreakRow(byte(n%3), int64(n), n/4))
	}
	outbreakPut(t, rows, list...)
	seen := map[string]bool{}
	for after := (outbreak.Place{}); ; {
		page := outbreakSince(t, rows, after, 3)
		for _, r := range page {
			seen[fmt.Sprint(r)] = true
			after = outbreak.Place{Time: r.Time, Sum: r.Sum[:], Organisation: r.Organisation}
		}
		if len(page) < 3 {
			break
		}
	}
	if len(seen) != len(list) {
		t.Errorf("got %d of %d rows", len(seen), len(list))
	}
}

func outbreakSwept(t *testing.T, rows outbreak.Rows) {
	outbreakPut(t, rows, outbreakRow(1, 1, 0), outbreakRow(1, 2, 1), outbreakRow(2, 1, 2), outbreakRow(2, 2, 3))
	for _, want := range []int{2, 1, 0} {
		if n, err := rows.Sweep(t.Context(), outbreakTime.Add(3*time.Second), 2); err != nil || n != want {
			t.Errorf("got %d, %v; want %d", n, err, want)
		}
	}
	if got := outbreakSince(t, rows, outbreak.Place{}, 10); !reflect.DeepEqual(got, []outbreak.Row{outbreakRow(2, 2, 3)}) {
		t.Errorf("got %v", got)
	}
}

func outbreakTogether(t *testing.T, rows outbreak.Rows) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var list []outbreak.Row
			for n := range 50 {
				list = append(list, outbreakRow(byte(n%5), int64(n), 0))
			}
			if err := rows.Put(t.Context(), list); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := outbreakSince(t, rows, outbreak.Place{}, 100); len(got) != 50 {
		t.Errorf("got %d rows", len(got))
	}
}
