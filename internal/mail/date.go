package mail

import (
	"strconv"
	"strings"
	"time"
)

// Date returns the time in the Date field, and whether it can be read.
func (m *Message) Date() (time.Time, bool) { return ParseDate(m.Header().Get("Date")) }

// ParseDate reads a date and time of RFC 5322 §3.3 with the obsolete forms of §4.3,
// and what mailers make of it: "Mon, 2 Jan 2006 15:04:05 -0700 (MST)". Order matters
// little; day, month, year and time must be there, the rest need not. A zone that is
// unknown counts as UTC (§4.3).
func ParseDate(s string) (time.Time, bool) {
	d := dateParts{zone: time.UTC}
	for n := 0; n < 20; n++ {
		s = skipSpace(strings.TrimLeft(s, " \t,"))
		if s == "" {
			break
		}
		end := strings.IndexAny(s, " \t,(")
		if end < 0 {
			end = len(s)
		}
		d.token(s[:end])
		s = s[end:]
	}
	return d.time()
}

// dateParts are what is known of a date so far.
type dateParts struct {
	day, year, hour, minute, second int
	month                           time.Month
	zone                            *time.Location
	clock                           bool // a time was given
}

// token takes one word; one that says nothing, such as the day of the week, is passed over.
func (d *dateParts) token(s string) {
	switch {
	case s == "":
	case strings.Contains(s, ":"):
		d.setClock(s)
	case d.clock && (s[0] == '+' || s[0] == '-'):
		d.setOffset(s)
	case strings.Count(s, "-") == 2: // "02-Jan-2006"
		for part := range strings.SplitSeq(s, "-") {
			d.token(part)
		}
	case s[0] >= '0' && s[0] <= '9':
		d.number(s)
	default:
		d.name(s)
	}
}

func (d *dateParts) setClock(s string) {
	if i := strings.IndexAny(s, "+-"); i > 0 { // "15:04:05+0100"
		defer d.setOffset(s[i:])
		s = s[:i]
	}
	h, rest, _ := strings.Cut(s, ":")
	m, sec, _ := strings.Cut(rest, ":")
	sec, _, _ = strings.Cut(sec, ".")
	d.hour, d.minute, d.second = number(h), number(m), 0
	if sec != "" {
		d.second = number(sec)
	}
	d.clock = true
}

// setOffset takes "+hhmm" or "+hh:mm".
func (d *dateParts) setOffset(s string) {
	digits := strings.ReplaceAll(s[1:], ":", "")
	n := number(digits)
	if n < 0 || len(digits) != 4 || n%100 > 59 {
		return
	}
	seconds := (n/100*60 + n%100) * 60
	if s[0] == '-' {
		seconds = -seconds
	}
	d.zone = time.FixedZone("", seconds)
}

// number takes the day first and the year when the day is known (RFC 5322 §4.3 on two
// and three digits).
func (d *dateParts) number(s string) {
	n := number(s)
	switch {
	case d.day == 0 && len(s) <= 2:
		d.day = n
	case d.year != 0 || n < 0:
	case len(s) == 4:
		d.year = n
	case len(s) == 2 && n < 50:
		d.year = 2000 + n
	case len(s) == 2 || len(s) == 3:
		d.year = 1900 + n
	}
}

// number reads up to four digits, -1 for anything else.
func number(s string) int {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || len(s) > 4 {
		return -1
	}
	return int(n)
}

// zones are the names of RFC 5322 §4.3, with their hours.
const zones = "ut 0 gmt 0 utc 0 z 0 edt -4 est -5 cdt -5 cst -6 mdt -6 mst -7 pdt -7 pst -8 "

const months = "janfebmaraprmayjunjulaugsepoctnovdec"

func (d *dateParts) name(s string) {
	s = strings.ToLower(s)
	if d.month == 0 && len(s) >= 3 {
		if i := strings.Index(months, s[:3]); i >= 0 && i%3 == 0 {
			d.month = time.Month(i/3 + 1)
			return
		}
	}
	if _, rest, ok := strings.Cut(" "+zones, " "+s+" "); ok && d.clock {
		hours, _, _ := strings.Cut(rest, " ")
		h, _ := strconv.Atoi(hours)
		d.zone = time.FixedZone(strings.ToUpper(s), h*3600)
	}
}

// time puts the parts together; a day that its month does not have is none.
func (d *dateParts) time() (time.Time, bool) {
	ok := d.clock && d.month != 0 && d.year >= 1900 && d.day >= 1 &&
		d.hour >= 0 && d.hour < 24 && d.minute >= 0 && d.minute < 60 && d.second >= 0 && d.second <= 60
	if !ok {
		return time.Time{}, false
	}
	t := time.Date(d.year, d.month, d.day, d.hour, d.minute, min(d.second, 59), 0, d.zone)
	return t, t.Day() == d.day
}
