package main

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// A verdict is what a filter said of one message, before it was told the truth.
type verdict struct {
	score float64 // higher is more like spam; only the order counts
	spam  bool    // at the filter's default threshold
	truth bool    // whether it is spam
}

// loss returns the area above the ROC curve, (1-ROCA) %: the chance that a spam has a lower score
// than a ham, both drawn at random; a tie counts half (Cormack and Lynam, TREC 2005 Spam Track
// Overview). NaN where there is no spam or no ham.
func loss(verdicts []verdict) float64 {
	wrong, spam, ham := ranked(verdicts).inversions(once(len(verdicts)))
	return 100 * wrong / (spam * ham)
}

// A ranking is verdicts, and their indices by score.
type ranking struct {
	verdicts []verdict
	order    []int
}

func ranked(verdicts []verdict) ranking {
	r := ranking{verdicts, make([]int, len(verdicts))}
	for i := range r.order {
		r.order[i] = i
	}
	slices.SortFunc(r.order, func(i, j int) int { return cmp.Compare(verdicts[i].score, verdicts[j].score) })
	return r
}

// once takes each verdict one time.
func once(n int) []int { return slices.Repeat([]int{1}, n) }

// inversions counts the pairs of a spam and a ham of which the ham has the higher score, each
// verdict taken as often as times says; a tie is half a pair.
func (r ranking) inversions(times []int) (wrong, spam, ham float64) {
	for i := 0; i < len(r.order); {
		var s, h float64
		score := r.verdicts[r.order[i]].score
		for ; i < len(r.order) && r.verdicts[r.order[i]].score == score; i++ {
			n := float64(times[r.order[i]])
			if r.verdicts[r.order[i]].truth {
				s += n
			} else {
				h += n
			}
		}
		wrong += h * (spam + s/2)
		spam, ham = spam+s, ham+h
	}
	return wrong, spam, ham
}

// interval returns the 95 % interval of the loss as TREC's toolkit gives it: the standard error of
// its logit over bootstrap samples, and 1.96 of it either way.
func interval(verdicts []verdict) (low, high float64) {
	r := ranked(verdicts)
	middle := logit(r.inversions(once(len(verdicts))))
	err := spread(len(verdicts), func(times []int) float64 { return logit(r.inversions(times)) })
	return 100 * logistic(middle-1.96*err), 100 * logistic(middle+1.96*err)
}

// ratio returns what part one filter's loss is of another's on the same messages, with its 95 %
// interval, of which the bootstrap samples are of messages: what is hard for both weighs little.
func ratio(one, other []verdict) (r, low, high float64) {
	a, b := ranked(one), ranked(other)
	of := func(times []int) float64 { return logit(a.inversions(times)) - logit(b.inversions(times)) }
	r, err := of(once(len(one))), spread(len(one), of)
	return math.Exp(r), math.Exp(r - 1.96*err), math.Exp(r + 1.96*err)
}

// spread is the standard deviation of a measure over 200 bootstrap samples of n messages, which
// are the same at each run.
func spread(n int, measure func(times []int) float64) float64 {
	const samples = 200
	rnd := rand.New(rand.NewPCG(1, samples))
	var sum, squares float64
	times := make([]int, n)
	for range samples {
		clear(times)
		for range times {
			times[rnd.IntN(n)]++
		}
		x := measure(times)
		sum, squares = sum+x, squares+x*x
	}
	mean := sum / samples
	return math.Sqrt(max(squares/samples-mean*mean, 0) * samples / (samples - 1))
}

// logit of the share of wrong pairs; half a pair is added to both sides, so that none and all are numbers.
func logit(wrong, spam, ham float64) float64 {
	return math.Log((wrong + 0.5) / (spam*ham - wrong + 0.5))
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// caught returns the percentage of spam above the score that at most the share of the ham reaches,
// 0.001 being one ham of a thousand. Spam that ties with a ham over the limit is not caught.
func caught(verdicts []verdict, share float64) float64 {
	var hams []float64
	spam := 0
	for _, v := range verdicts {
		if v.truth {
			spam++
		} else {
			hams = append(hams, v.score)
		}
	}
	slices.Sort(hams)
	limit := math.Inf(-1) // the first ham that may not be lost
	if lost := int(float64(len(hams)) * share); lost < len(hams) {
		limit = hams[len(hams)-1-lost]
	}
	over := 0
	for _, v := range verdicts {
		if v.truth && v.score > limit {
			over++
		}
	}
	return 100 * float64(over) / float64(spam)
}

// misjudged returns the percentages of ham taken for spam and of spam taken for ham, at the
// filter's own threshold.
func misjudged(verdicts []verdict) (ham, spam float64) {
	var hams, spams, lost, missed float64
	for _, v := range verdicts {
		switch {
		case v.truth:
			spams++
			if !v.spam {
				missed++
			}
		default:
			hams++
			if v.spam {
				lost++
			}
		}
	}
	return 100 * lost / hams, 100 * missed / spams
}
