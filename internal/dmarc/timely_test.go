package dmarc

import (
	"testing"
	"time"
)

// A report of days to come would never be removed.
func TestTimely(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		before time.Duration
		want   bool
	}{
		"yesterday": {24 * time.Hour, true}, "this moment": {0, true}, "a clock that is ahead": {-time.Hour, true}, "the day after tomorrow": {-36 * time.Hour, false},
		"in a hundred years": {-100 * 365 * 24 * time.Hour, false}, "a month ago": {30 * 24 * time.Hour, true}, "a year ago": {365 * 24 * time.Hour, false},
	} {
		r := Received{Time: now, Begin: now.Add(-tt.before)}
		if got := r.Timely(); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
