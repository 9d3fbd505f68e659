package bayes

import "math"

// Where the sum of logits becomes a score. Sums are of one scale on every site, since each learner's is normalised by
// the number of its features. What makes ham look like spam is not of one scale, so a site that has
// seen much ham, and little of it near the threshold, has a lower one.
const (
	threshold = 12     // of the sum where nothing is known of ham: 7.5 points
	lowest    = 8      // of the threshold
	scale     = 8.0    // so far from the threshold is half of what is left
	allowed   = 0.001  // of ham may be above it
	doubt     = 50.0   // with so many lessons a sum counts 0.7 of what it does
	prior     = 2000.0 // messages of ham that what is believed without seeing any weighs
	decline   = 3.0    // of the sum, in which the tail of ham falls to a third, as far as is believed
	perUnit   = 4      // entries that count the tail
	// tailEntries count lessons of ham whose sum, before they were learnt, was between lowest and threshold, and one for
	// those above.
	tailEntries = (threshold-lowest)*perUnit + 1
)

// certain is the sum as it counts: a model that knows little, of everybody and of a domain, is sure of too much.
func (m *Model) certain(sum float64, domain string) float64 {
	n := float64(max(0, m.lessons[0]+m.lessons[1], m.ownLessons(domain)))
	return sum * math.Sqrt(n/(n+doubt))
}

// calibrated makes the sum of logits a score. It comes near 0 and 15 so slowly that different sums have different scores.
func (m *Model) calibrated(sum float64, domain string) float64 {
	x := (m.certain(sum, domain) - m.threshold()) / scale
	return 7.5 + 7.5*x/(1+math.Abs(x))
}

// threshold is the sum above which there is no more than the allowed share of ham, by what was seen and by an exponential
// tail that is believed before.
func (m *Model) threshold() float64 {
	seen, ham := 0.0, float64(max(0, m.lessons[0]))
	for i := int(tailEntries) - 1; i >= 0; i-- {
		at := lowest + float64(i)/perUnit
		seen += float64(max(0, m.table[tail+i][0]))
		believed := prior * allowed * math.Exp((threshold-at)/decline)
		if seen+believed > allowed*(ham+prior) {
			return min(at+1.0/perUnit, threshold)
		}
	}
	return lowest
}

// bin returns which entry of the tail a lesson with that sum belongs to, -1 for none.
func (m *Model) bin(sum float64, domain string, spam bool) int32 {
	i := math.Floor((m.certain(sum, domain) - lowest) * perUnit)
	if spam || i < 0 {
		return -1
	}
	return int32(min(i, float64(tailEntries-1)))
}
