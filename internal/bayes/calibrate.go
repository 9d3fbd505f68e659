package bayes

// tailEntries count scores that lessons had before they were learnt.
const tailEntries = 1024

// calibrated makes the sum of logits a score.
func (m *Model) calibrated(sum float64) float64 {
	x := (sum - 11) / 8
	if x < 0 {
		return 7.5 + 7.5*x/(1-x)
	}
	return 7.5 + 7.5*x/(1+x)
}

func (m *Model) bin(sum float64, spam bool) int32 { return -1 }
