package allowance

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Stop says that a log-in may send nothing.
type Stop struct {
	Box    int64
	Since  time.Time
	Reason string
	Who    string // "": the limits did
}

// A Measure is what a limit counts, in words.
type Measure string

// Measures.
const (
	InMinute Measure = "messages in a minute"
	InHour   Measure = "messages in an hour"
	InDay    Measure = "messages in a day"
	ToOthers Measure = "different recipients in a day"
)

// Over is how far a log-in went over a limit.
type Over struct {
	What         Measure
	Asked, Limit int
}

// between and behind are what stands behind the two numbers of an Over as text.
const (
	between = " were asked for, "
	behind  = " are allowed"
)

// String is the reason of a stop, as rows have it.
func (o Over) String() string {
	return fmt.Sprintf("%d %s%s%d%s", o.Asked, o.What, between, o.Limit, behind)
}

// Over returns which limit has stopped a log-in, for who puts it into words of another language; false: somebody
// has stopped it, for whatever he said.
func (s Stop) Over() (o Over, limit bool) {
	said, allowed, found := strings.Cut(s.Reason, between)
	asked, what, spaced := strings.Cut(said, " ")
	if s.Who != "" || !found || !spaced {
		return Over{}, false
	}
	o.What = Measure(what)
	o.Asked, _ = strconv.Atoi(asked)
	o.Limit, _ = strconv.Atoi(strings.TrimSuffix(allowed, behind))
	switch o.What {
	case InHour, InDay, ToOthers:
		return o, o.String() == s.Reason
	}
	return Over{}, false
}

// Stopping returns all who are stopped, the last one first.
func (b *Book) Stopping() []Stop {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.SortedFunc(maps.Values(b.stops), func(x, y Stop) int {
		return cmp.Or(y.Since.Compare(x.Since), cmp.Compare(y.Box, x.Box))
	})
}

// stop stops a log-in for what the limits say. The caller has the lock.
func (b *Book) stop(box int64, now time.Time, o Over) Answer {
	s := Stop{Box: box, Since: now, Reason: o.String()}
	b.stops[box] = s
	b.fresh = append(b.fresh, s)
	return Answer{Stopped, s.Reason}
}
