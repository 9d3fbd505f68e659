package dnsbl

// DefaultShare is the share of voices from which a subject counts as listed.
const DefaultShare = 0.5

// A Verdict is what lists say together.
type Verdict struct {
	Listed  bool
	Allowed bool     // by a list of kind Allow
	Share   float64  // of hits among the voices of denying lists that answered validly
	Told    bool     // a denying list answered validly, or an allowing one where no denying one was asked
	Errors  int      // how many failed
	By      []Answer // the hits
}

// Judge weighs answers. A subject is listed where the denying lists that hit have
// at least the share of the weight of those that answered validly, or where one of
// them is Enough. A list that failed, or is only observed, has no voice for either side.
func Judge(answers []Answer, share float64) Verdict {
	var v Verdict
	var hits, voices float64
	enough, denying, allowing := false, false, false
	for _, a := range answers {
		if a.State == NotRun && a.Trouble == nil {
			continue
		}
		denying = denying || a.List.Kind != Allow
		if a.State == Error || a.Trouble != nil {
			v.Errors++
			continue
		}
		hit := a.State == Hit
		if hit {
			v.By = append(v.By, a)
		}
		if a.List.Kind == Allow {
			v.Allowed, allowing = v.Allowed || hit, true
			continue
		}
		voices += a.List.Weight
		if hit {
			hits += a.List.Weight
			enough = enough || a.List.Enough
		}
	}
	if voices > 0 {
		v.Share = hits / voices
	}
	v.Told = voices > 0 || allowing && !denying
	v.Listed = enough || hits > 0 && v.Share >= share
	return v
}
