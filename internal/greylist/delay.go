package greylist

import (
	"time"
)

// Others is the domain under which those are summed up that send little.
const Others = "other"

// waitBounds are the upper ends of Delay.Waits but the last, which has none.
var waitBounds = [...]time.Duration{
	time.Minute, 5 * time.Minute, 6 * time.Minute, 8 * time.Minute, 10 * time.Minute, 15 * time.Minute,
	20 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
}

// WaitCount is how many Waits a Delay has.
const WaitCount = len(waitBounds) + 1

// A Delay is how late mail from a domain was, of which the first attempt was on that day.
type Delay struct {
	Day      string // "2026-11-26", UTC
	Domain   string // organisational domain of the sender; "<>" for the null reverse-path; or Others
	Deferred int64  // triplets that had to wait
	Returned int64  // of them, those that came again and passed
	Lost     int64  // of them, those whose window was over, or which gave way to others
	Waits    [WaitCount]int64
}

// Wait returns how long that part (0.5: half) of the mail that came back was late at most;
// 0 where none came back, and the longest bound where it is more than that (over).
func (d Delay) Wait(part float64) (at time.Duration, over bool) {
	if d.Returned == 0 {
		return 0, false
	}
	var total, sum int64
	for _, n := range d.Waits {
		total += n
	}
	for i, n := range d.Waits {
		sum += n
		if float64(sum) >= part*float64(total) {
			last := len(waitBounds) - 1
			return waitBounds[min(i, last)], i > last
		}
	}
	return 0, false
}

// Add sums two delays up; day and domain stay.
func (d Delay) Add(o Delay) Delay {
	d.Deferred += o.Deferred
	d.Returned += o.Returned
	d.Lost += o.Lost
	for i := range d.Waits {
		d.Waits[i] += o.Waits[i]
	}
	return d
}

// bucket is the place of a wait in Delay.Waits.
func bucket(wait time.Duration) int {
	for i, most := range waitBounds {
		if wait <= most {
			return i
		}
	}
	return len(waitBounds)
}

// Day is the day of a Delay that a time is on.
func Day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
