package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

// judged makes verdicts of scores; those over 7.5 are taken for spam.
func judged(spams, hams []float64) (verdicts []verdict) {
	for _, s := range spams {
		verdicts = append(verdicts, verdict{s, s > 7.5, true})
	}
	for _, s := range hams {
		verdicts = append(verdicts, verdict{s, s > 7.5, false})
	}
	return verdicts
}

func TestLoss(t *testing.T) {
	for name, tt := range map[string]struct {
		spams, hams []float64
		want        float64
	}{
		"apart":             {[]float64{8, 9}, []float64{1, 2, 3}, 0},
		"the wrong way":     {[]float64{1, 2}, []float64{8, 9}, 100},
		"one pair of six":   {[]float64{2.5, 9}, []float64{1, 2, 3}, 100.0 / 6},
		"a tie is half":     {[]float64{3, 9}, []float64{1, 2, 3}, 100 * 0.5 / 6},
		"all alike":         {[]float64{5, 5, 5}, []float64{5, 5}, 50},
		"ties among spam":   {[]float64{3, 3}, []float64{3, 4}, 100 * (1.0 + 2) / 4},
		"as they come":      {[]float64{9, 2.5}, []float64{3, 1, 2}, 100.0 / 6},
		"negative and tiny": {[]float64{1e-17, 5e-18}, []float64{-3, 7e-18}, 25},
	} {
		if got := loss(judged(tt.spams, tt.hams)); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
	if got := loss(judged(nil, []float64{1})); !math.IsNaN(got) {
		t.Errorf("no spam: got %v", got)
	}
}

// The loss is what counting each pair gives.
func TestLossPairs(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for range 50 {
		var v []verdict
		for range 2 + rnd.IntN(60) {
			v = append(v, verdict{score: float64(rnd.IntN(8)), truth: rnd.IntN(2) == 0})
		}
		v = append(v, verdict{truth: true}, verdict{truth: false})
		wrong, pairs := 0.0, 0.0
		for _, s := range v {
			for _, h := range v {
				if !s.truth || h.truth {
					continue
				}
				pairs++
				if s.score < h.score {
					wrong++
				} else if s.score == h.score {
					wrong += 0.5
				}
			}
		}
		if got, want := loss(v), 100*wrong/pairs; math.Abs(got-want) > 1e-9 {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestCaught(t *testing.T) {
	hams := make([]float64, 1000)
	for i := range hams {
		hams[i] = float64(i) / 100 // 0 to 9.99
	}
	for name, tt := range map[string]struct {
		spams []float64
		share float64
		want  float64
	}{
		"above all":               {[]float64{10, 11}, 0.001, 100},
		"one ham may be lost":     {[]float64{9.985, 1}, 0.001, 50},
		"none may be lost":        {[]float64{9.985, 10}, 0.0005, 50},
		"five may be lost":        {[]float64{9.945, 9.935}, 0.005, 50},
		"a tie with the ham next": {[]float64{9.98, 10}, 0.001, 50},
		"all may be lost":         {[]float64{-1}, 1, 100},
	} {
		if got := caught(judged(tt.spams, hams), tt.share); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

func TestMisjudged(t *testing.T) {
	ham, spam := misjudged(judged([]float64{8, 1, 7, 9}, []float64{1, 2, 8, 3, 4}))
	if ham != 20 || spam != 50 {
		t.Errorf("got %v %% of ham and %v %% of spam, want 20 and 50", ham, spam)
	}
}

// Of many samples of one population, about 95 of a hundred intervals hold the population's loss.
func TestInterval(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	const want = 100 * 0.078650 // of two normal scores of variance 1, two apart: Φ(-√2)
	held := 0
	const runs = 200
	for range runs {
		var v []verdict
		for i := range 300 {
			s := verdict{score: rnd.NormFloat64(), truth: i%3 == 0}
			if s.truth {
				s.score += 2
			}
			v = append(v, s)
		}
		low, high := interval(v)
		if l := loss(v); low >= l || l >= high {
			t.Fatalf("%v is not within %v to %v", l, low, high)
		}
		if low <= want && want <= high {
			held++
		}
	}
	if held < runs*90/100 || held > runs*99/100 {
		t.Errorf("%d of %d intervals hold what they should", held, runs)
	}
	low, high := interval(judged([]float64{8, 9}, []float64{1, 2, 3}))
	if math.IsNaN(low) || math.IsNaN(high) || low >= high {
		t.Errorf("nothing wrong: %v to %v", low, high)
	}
}

func TestRatio(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 4))
	var good, bad []verdict
	for i := range 2000 {
		v := verdict{score: rnd.NormFloat64(), truth: i%2 == 0}
		if v.truth {
			v.score += 2
		}
		bad = append(bad, v)
		if v.truth {
			v.score++
		}
		good = append(good, v)
	}
	r, low, high := ratio(good, bad)
	if want := loss(good) / loss(bad); math.Abs(r-want) > 0.1*want || low >= r || high <= r || high > 1 {
		t.Errorf("got %v, %v to %v, want %v and less than 1", r, low, high, want)
	}
	if r, low, high := ratio(bad, bad); r != 1 || low != 1 || high != 1 {
		t.Errorf("of itself: %v, %v to %v", r, low, high)
	}
}
