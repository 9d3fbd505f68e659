package store

import (
	"testing"
	"time"

	guard "gatepost/internal/clock"
)

func TestClockMark(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) {
		now := time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)
		for _, want := range []guard.Mark{{}, {Time: now}, {Time: now, Doubt: now.AddDate(0, 1, 0), Waited: time.Hour}, {Time: now.Add(time.Hour)}} {
			if !want.Time.IsZero() {
				if err := db.Clock().SetClockMark(t.Context(), want); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := db.Clock().ClockMark(t.Context()); err != nil || got != want {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
		}
	})
}
