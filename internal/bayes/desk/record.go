package desk

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"gatepost/internal/bayes"
)

// ScoreParts is into how many parts the record divides a point, so that each level is at the border of two.
const ScoreParts = 8

// What Bayes has to show before it may be decisive.
const (
	EarnedHam  = 1000 // messages of ham that were judged
	EarnedLost = 1000 // one of so many may have been lost
)

// recordPerson is how many lessons of one person and source count in a day: the record is of the site.
const recordPerson = 3

const scores = 15 * ScoreParts

// cellOf is the part of the record in which a score is counted.
func cellOf(score float64) int { return min(max(int(score*ScoreParts), 0), scores-1) }

// dayOf names a day, in UTC.
func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// A tally counts messages by score.
type tally [scores]int64

// above counts those with a score of that many points or more.
func (t *tally) above(required float64) (n int64) {
	for i := min(max(int(required*ScoreParts), 0), scores); i < scores; i++ {
		n += t[i]
	}
	return n
}

// A day is what was judged on it.
type day struct{ ham, spam tally }

// A record has days by their names.
type record map[string]*day

func (r record) add(c Cell) {
	if c.Score < 0 || c.Score >= scores {
		return
	}
	d := r[c.Day]
	if d == nil {
		d = &day{}
		r[c.Day] = d
	}
	if c.Spam {
		d.spam[c.Score] += c.Count
	} else {
		d.ham[c.Score] += c.Count
	}
}

// replace puts cells in the place of all from a day on.
func (r record) replace(since string, list []Cell) {
	maps.DeleteFunc(r, func(name string, _ *day) bool { return name >= since })
	for _, c := range list {
		r.add(c)
	}
}

// recent adds up the newest days, as few as have EarnedHam messages of ham.
func (r record) recent() (sum day, since string) {
	var ham int64
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(r))) {
		d := r[name]
		for i := range scores {
			sum.ham[i] += d.ham[i]
			sum.spam[i] += d.spam[i]
		}
		since = name
		if ham += d.ham.above(0); ham >= EarnedHam {
			break
		}
	}
	return sum, since
}

// A Record is how the model judged, on this site, messages that it had not learnt yet.
type Record struct {
	Since string // the first day that counts: the newest days with EarnedHam messages of ham, or all
	Figures
	Earned bool // at bayes.DefaultLevel
	Days   []DayRecord
}

// A DayRecord is one day of it.
type DayRecord struct {
	Day string
	Figures
}

// Figures count messages. Lost and Caught are those of ham and of spam that a level would have held; that of
// level n is at n, and 0 is not used.
type Figures struct {
	Ham, Spam    int64
	Lost, Caught [bayes.Levels + 1]int64
}

func (d *day) figures() (f Figures) {
	f.Ham, f.Spam = d.ham.above(0), d.spam.above(0)
	for level := 1; level <= bayes.Levels; level++ {
		required := bayes.LevelScore(level)
		f.Lost[level], f.Caught[level] = d.ham.above(required), d.spam.above(required)
	}
	return f
}

// Record returns the site's own record, the newest days first.
func (d *Desk) Record(ctx context.Context) (Record, error) {
	if err := d.Follow(ctx); err != nil {
		return Record{}, fmt.Errorf("desk: record: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	sum, since := d.record.recent()
	out := Record{Since: since, Figures: sum.figures(), Earned: d.Earned()}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(d.record))) {
		out.Days = append(out.Days, DayRecord{name, d.record[name].figures()})
	}
	return out, nil
}

// A standing is what the record comes to: at which parts of the scale Bayes may be decisive.
type standing [scores + 1]bool

// reckon works out what the record comes to; the caller has d.mu.
func (d *Desk) reckon() {
	sum, _ := d.record.recent()
	ham := sum.ham.above(0)
	s, lost := &standing{}, int64(0)
	for i := scores; i >= 0; i-- {
		if i < scores {
			lost += sum.ham[i]
		}
		s[i] = ham >= EarnedHam && lost*EarnedLost <= ham
	}
	d.shown.Store(s)
}

// Earned reports whether Bayes may be decisive at bayes.DefaultLevel.
func (d *Desk) Earned() bool { return d.EarnedAt(bayes.LevelScore(bayes.DefaultLevel)) }

// EarnedAt reports whether Bayes may be decisive where it holds what has a score: over EarnedHam messages of ham or
// more at most one of EarnedLost would have been lost. While the guard doesn't judge yet it may not, whatever the record says. It
// looks into memory alone.
func (d *Desk) EarnedAt(required float64) bool {
	return d.judging() && d.shown.Load()[min(max(int(required*ScoreParts), 0), scores)]
}

// records reports whether a lesson counts in the record: what strangers say does not, of one person's some a day do, and
// a message does once, whatever became of what was said of it.
func (c *course) records(p *part, l Lesson) bool {
	if l.Source.strange() || !l.Source.Firm() && p.counts[personKey(l)] > recordPerson {
		return false
	}
	is := func(o Lesson) bool {
		return o.State != Refused && (o.Message == l.Message || o.Person == l.Person && bytes.Equal(o.Sum, l.Sum))
	}
	return !slices.ContainsFunc(c.before.Lessons, is) && !slices.ContainsFunc(c.entry.Lessons, is) && !slices.ContainsFunc(p.entry.Lessons, is)
}
