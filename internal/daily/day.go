package daily

import (
	"hash/fnv"
	"time"
)

// A Day is a day in UTC, "2026-11-24".
type Day string

const dayForm = "2006-01-02"

// DayOf returns the day of a moment.
func DayOf(t time.Time) Day { return Day(t.UTC().Format(dayForm)) }

// Begin is the day's first moment.
func (d Day) Begin() time.Time {
	t, _ := time.Parse(dayForm, string(d)) // of what is no day it is long ago
	return t
}

// End is the moment after the day's last second.
func (d Day) End() time.Time { return d.Begin().AddDate(0, 0, 1) }

// Settled is how long after a day's end its counts are rows for sure.
const Settled = 10 * time.Minute

// Due is when a report of the day leaves: within spread after midnight, at the same moment whoever
// asks with the same key.
func (d Day) Due(key string, spread time.Duration) time.Time {
	h := fnv.New64a()
	h.Write([]byte(key))
	return d.End().Add(Settled + time.Duration(h.Sum64()%uint64(spread-Settled)))
}

// A Period is a domain's day.
type Period struct {
	Day    Day
	Domain string
}
