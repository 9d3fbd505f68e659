package main

import (
	"fmt"
	"slices"
	"testing"

	"gatepost/internal/control/ops"
)

// TestGather: every row comes once, in order, however the pages fall, and no more
// than were asked for.
func TestGather(t *testing.T) {
	var rows []string // ids; one transaction has many rows
	for i := range 700 {
		for range 1 + i%5 {
			rows = append(rows, fmt.Sprint(i))
		}
	}
	// A node begins a page behind the last row with the id.
	node := func(at ops.Page) ([]string, error) {
		from := 0
		for i, id := range rows {
			if id == at.After {
				from = i + 1
			}
		}
		return rows[from:min(from+at.Limit, len(rows))], nil
	}
	self := func(id string) string { return id }
	for _, limit := range []int{0, 1, 999, 1000, 1001, 2000, len(rows), len(rows) + 1} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			want := rows
			if limit > 0 {
				want = rows[:min(limit, len(rows))]
			}
			got, err := gather(ops.Page{Limit: limit}, self, node)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("got %d rows, %v; want %d", len(got), err, len(want))
			}
		})
	}
}
