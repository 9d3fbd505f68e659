package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"gatepost/internal/config"
)

// A moment is a flag's value: a time, or how long ago.
type moment struct {
	to   *time.Time
	now  func() time.Time
	zone *time.Location
}

// Set reads "2026-11-22", "2026-11-22T14:00:00Z", "2026-11-22 14:00", "36h", "7d", or "9:00",
// which is the last time that it was so late.
func (m moment) Set(s string) error {
	if ago, err := config.ParseDuration(s); err == nil {
		*m.to = m.now().Add(-ago)
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04", time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, m.zone); err == nil {
			*m.to = t
			return nil
		}
	}
	if t, err := time.Parse("15:04", s); err == nil {
		*m.to = m.last(t.Hour(), t.Minute())
		return nil
	}
	return fmt.Errorf("%q is neither a day or time such as 2026-11-22 or 9:00 nor an age such as 36h or 7d", s)
}

// last is when a clock on the wall last showed a time.
func (m moment) last(hour, minute int) time.Time {
	now := m.now().In(m.zone)
	t := time.Date(now.Year(), now.Month(), now.Day(), hour, minute, 0, 0, m.zone)
	if t.After(now) {
		t = time.Date(now.Year(), now.Month(), now.Day()-1, hour, minute, 0, 0, m.zone)
	}
	return t
}

// String returns nothing: there is no default.
func (m moment) String() string { return "" }

// Type names the value in help texts.
func (m moment) Type() string { return "time" }

// A day is a flag's value: the end of a day, or a time.
type day struct {
	to   *time.Time
	zone *time.Location
}

// Set reads "2026-12-31", which is the end of that day, or "2026-12-31 14:00".
func (d day) Set(s string) error {
	if t, err := time.ParseInLocation(time.DateOnly, s, d.zone); err == nil {
		*d.to = t.AddDate(0, 0, 1)
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, s, d.zone); err == nil {
			*d.to = t
			return nil
		}
	}
	return fmt.Errorf("%q is no day or time such as 2026-12-31 or 2026-12-31 14:00", s)
}

// String returns nothing: there is no default.
func (d day) String() string { return "" }

// Type names the value in help texts.
func (d day) Type() string { return "day" }

// A span is a flag's value: a length of time that may be in days.
type span struct{ to *time.Duration }

// Set reads "12h" or "30d".
func (d span) Set(s string) (err error) {
	*d.to, err = config.ParseDuration(s)
	return err
}

// String returns nothing: there is no default.
func (d span) String() string { return "" }

// Type names the value in help texts.
func (d span) Type() string { return "duration" }

// period adds the flags that bound a search in time.
func (p *program) period(f *pflag.FlagSet, since, until *time.Time) {
	f.Var(moment{since, p.now, p.zone}, "since", "not older than this day or time (2026-11-22, 9:00), or age (36h, 7d)")
	f.Var(moment{until, p.now, p.zone}, "until", "older than this day or time, or age")
}

// changed returns a pointer to v where the flag was given, nil where not.
func changed[T any](f *pflag.FlagSet, name string, v *T) *T {
	if f.Changed(name) {
		return v
	}
	return nil
}

// ahead refuses a time from now that the flag has given and that is not to come: it would
// be over before it began.
func ahead(f *pflag.FlagSet, name string, d time.Duration) error {
	if f.Changed(name) && d <= 0 {
		return usage("--%s %v is not in the future; write a time from now like 12h or 30d", name, d)
	}
	return nil
}

// onOff reads a flag that is on or off; nil where it was not given.
func onOff(f *pflag.FlagSet, name, value string) (*bool, error) {
	if !f.Changed(name) {
		return nil, nil
	}
	on := value == "on"
	if !on && value != "off" {
		return nil, usage("--%s %q: write on or off", name, value)
	}
	return &on, nil
}

func onOrOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// join writes addresses for a table.
func join(s []string) string { return strings.Join(s, ", ") }
