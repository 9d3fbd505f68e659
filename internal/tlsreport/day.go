package tlsreport

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

// Reports leave once the day's counts are rows for sure, within some hours after
// midnight (RFC 8460 §4.1).
const (
	settled = 10 * time.Minute
	spread  = 4 * time.Hour
)

// due is when a report of the day on a domain leaves: at the same moment whoever
// asks.
func (d Day) due(domain, hostname string) time.Time {
	h := fnv.New64a()
	h.Write([]byte(string(d) + " " + domain + " " + hostname))
	return d.End().Add(settled + time.Duration(h.Sum64()%uint64(spread-settled)))
}
