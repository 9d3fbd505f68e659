package resolve

import (
	"math"
	"time"
)

// A spread is how long the last few hundred answers took, in steps of a factor of √2
// from a millisecond to three seconds. The zero value has none.
type spread struct {
	counts [24]uint32
	n      uint32
}

// memory is how many answers a spread remembers; then each counts half.
const memory = 512

func (s *spread) add(d time.Duration) {
	s.counts[step(d)]++
	if s.n++; s.n < memory {
		return
	}
	s.n = 0
	for i := range s.counts {
		s.counts[i] /= 2
		s.n += s.counts[i]
	}
}

// step is the first whose upper end d does not pass; what is longer than all is in the
// last.
func step(d time.Duration) int {
	if d <= time.Millisecond {
		return 0
	}
	return min(int(math.Ceil(2*math.Log2(float64(d)/float64(time.Millisecond)))), len(spread{}.counts)-1)
}

// quantile returns the upper end of the step in which the answer lies that a part of q
// did not outlast; 0 where there are none.
func (s *spread) quantile(q float64) time.Duration {
	want := uint32(math.Ceil(q * float64(s.n)))
	var seen uint32
	for i, n := range s.counts {
		if seen += n; n > 0 && seen >= want {
			return time.Duration(float64(time.Millisecond) * math.Pow(2, float64(i)/2))
		}
	}
	return 0
}
