package dnsbl

import (
	"maps"
	"math"
	"time"
)

// Buckets of latency: the first ends at a quarter of a millisecond, each further one half
// as much later, the last (after 10 s) is without end.
const (
	latencyBuckets = 28
	firstBucket    = 250 * time.Microsecond
	bucketGrowth   = 1.5
)

// A latency is how long answers took, in some 200 octets. The zero latency is none.
type latency struct {
	counts [latencyBuckets]int64
	all    int64
}

func (l *latency) add(d time.Duration) {
	i := 0
	if d > firstBucket {
		i = int(math.Ceil(math.Log(float64(d)/float64(firstBucket)) / math.Log(bucketGrowth)))
	}
	l.counts[min(i, latencyBuckets-1)]++
	l.all++
}

// quantile returns the time within which a share q of the answers came, up to half too
// long; 0 where there are none.
func (l *latency) quantile(q float64) time.Duration {
	rank, sum := int64(math.Ceil(q*float64(l.all))), int64(0)
	for i, n := range l.counts {
		if sum += n; n > 0 && sum >= rank {
			return bucketEnd(i)
		}
	}
	return 0
}

func bucketEnd(i int) time.Duration {
	return time.Duration(float64(firstBucket) * math.Pow(bucketGrowth, float64(i))).Round(10 * time.Microsecond)
}

// Statistics are what a list answered since the node began to ask it. An answer that the
// resolver still knew counts like any other.
type Statistics struct {
	Asked  int64
	Hits   int64
	Misses int64
	Errors map[Fault]int64
	// P50 and P95 are the times within which half and 95 % of the answers came, errors
	// left out.
	P50, P95 time.Duration

	LastError string // why the last error was one
	LastFault Fault
	ErrorAt   time.Time // when that was
	InARow    int       // errors since the last answer that was none
}

// A tally makes Statistics.
type tally struct {
	Statistics
	latency latency
}

func (t *tally) add(a Answer, now time.Time) {
	t.Asked++
	if a.State == Error {
		if t.Errors == nil {
			t.Errors = map[Fault]int64{}
		}
		t.Errors[a.Fault]++
		t.LastError, t.LastFault, t.ErrorAt = a.Cause, a.Fault, now
		t.InARow++
		return
	}
	if t.InARow = 0; a.State == Hit {
		t.Hits++
	} else {
		t.Misses++
	}
	t.latency.add(a.Took)
}

func (t *tally) statistics() Statistics {
	s := t.Statistics
	s.Errors = maps.Clone(t.Errors)
	s.P50, s.P95 = t.latency.quantile(0.5), t.latency.quantile(0.95)
	return s
}
