package tlsreport

import (
	"time"

	"gatepost/internal/daily"
)

// A Day is a day in UTC, "2026-11-24".
type Day = daily.Day

// DayOf returns the day of a moment.
func DayOf(t time.Time) Day { return daily.DayOf(t) }

// A Period is a domain's day.
type Period = daily.Period

// spread is within how long after midnight reports leave (RFC 8460 §4.1).
const spread = 4 * time.Hour

// due is when a report of the day on a domain leaves.
func due(d Day, domain, hostname string) time.Time {
	return d.Due(string(d)+" "+domain+" "+hostname, spread)
}
