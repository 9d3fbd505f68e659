package digest

import "time"

// A Schedule is when a domain's digests are sent: hours of the day, 0 to 23, in a zone.
// Without hours it is never.
type Schedule struct {
	Hours []int
	Zone  *time.Location
}

// Last returns the last moment at or before now at which digests are due, within the
// last day or a little more. It is false where there is none.
//
// An hour that the clocks leave out (the start of summer time) is due when they go on;
// one that they show twice is due the first time alone.
func (s Schedule) Last(now time.Time) (last time.Time, ok bool) {
	local := now.In(s.Zone)
	year, month, day := local.Date()
	for back := -1; back <= 2; back++ { // a day may begin tomorrow where clocks leave hours out
		for _, hour := range s.Hours {
			at := moment(year, month, day-back, hour, s.Zone)
			if !at.After(now) && (!ok || at.After(last)) {
				last, ok = at, true
			}
		}
		if ok {
			return last, true
		}
	}
	return time.Time{}, false
}

// moment is when a clock shows an hour first, or a later one.
func moment(year int, month time.Month, day, hour int, zone *time.Location) time.Time {
	at := time.Date(year, month, day, hour, 0, 0, 0, zone)
	wanted := time.Date(year, month, day, hour, 0, 0, 0, time.UTC) // as a text of the clock
	start, end := at.ZoneBounds()
	switch shown := clock(at); {
	case shown.Before(wanted):
		return end
	case shown.After(wanted):
		return start
	}
	if start.IsZero() {
		return at
	}
	_, now := at.Zone()
	_, was := start.Add(-time.Second).Zone()
	if first := at.Add(-time.Duration(was-now) * time.Second); was > now && first.Before(start) {
		return first
	}
	return at
}

// clock is what the clocks show, as a time that can be compared.
func clock(t time.Time) time.Time {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	return time.Date(year, month, day, hour, minute, second, 0, time.UTC)
}
