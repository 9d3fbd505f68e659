package intake

import (
	"testing"

	"gatepost/pipeline"
)

// X-Gatepost-Bayes says what the filter found where something followed from it, and nothing where it was not asked.
func TestBayesStatus(t *testing.T) {
	judged := pipeline.Finding{Result: "ham", Evidence: []pipeline.Evidence{
		{Key: "lessons", Value: "510 spam, 498 ham"}, {Key: "score", Value: "0.412"}, {Key: "level", Value: "4"}, {Key: "required", Value: "7.5"},
		{Key: "feature", Value: "+1.00 subject:score"},
	}}
	for name, tt := range map[string]struct {
		step pipeline.Step
		want string
	}{
		"judged":        {pipeline.Step{Filter: "bayes", Finding: judged}, "ham, score=0.412 required=7.5 level=4"},
		"untrained":     {pipeline.Step{Filter: "bayes", Finding: pipeline.Finding{Result: "untrained"}}, "untrained"},
		"in shadow":     {pipeline.Step{Filter: "bayes", Finding: judged, Shadow: true}, ""},
		"passed by":     {pipeline.Step{Filter: "bayes", Finding: pipeline.Finding{Result: pipeline.Skipped}}, ""},
		"another's":     {pipeline.Step{Filter: "rspamd", Finding: judged}, ""},
		"under a name":  {pipeline.Step{Filter: "bayes", Entry: "strict", Finding: judged}, "ham, score=0.412 required=7.5 level=4"},
		"not told then": {pipeline.Step{Filter: "bayes", Finding: pipeline.Finding{Result: pipeline.TempError}}, "temperror"},
	} {
		if got := bayesStatus(&pipeline.Walk{Steps: []pipeline.Step{tt.step}}); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

// What is shown of scores has three decimals at most, is never more than there is, and agrees with the verdict.
func TestSpamStatus(t *testing.T) {
	for name, tt := range map[string]struct {
		points          []float64
		required        float64
		action          pipeline.Action
		status, inScore string
	}{
		"whole":               {[]float64{3}, 5, pipeline.None, "No, score=3.0 required=5.0 tests=e: 3", "3.0"},
		"many digits":         {[]float64{5.542718764312929}, 7.5, pipeline.None, "No, score=5.542 required=7.5 tests=e: 5.542", "5.542"},
		"nearly spam":         {[]float64{7.45}, 7.5, pipeline.None, "No, score=7.45 required=7.5 tests=e: 7.45", "7.45"},
		"more nearly":         {[]float64{7.4999}, 7.5, pipeline.None, "No, score=7.499 required=7.5 tests=e: 7.499", "7.499"},
		"most nearly":         {[]float64{7.499999999999999}, 7.5, pipeline.None, "No, score=7.499 required=7.5 tests=e: 7.5", "7.499"},
		"just spam":           {[]float64{7.5}, 7.5, pipeline.Spam, "Yes, score=7.5 required=7.5 tests=e: 7.5", "7.5"},
		"a mailbox's level":   {[]float64{5.4998}, 5.49975, pipeline.Spam, "Yes, score=5.5 required=5.5 tests=e: 5.499", "5.5"},
		"sums of fractions":   {[]float64{.7, .1}, 5, pipeline.None, "No, score=0.8 required=5.0 tests=e: 0.7, e: 0.1", "0.8"},
		"less than nothing":   {[]float64{-4.25}, 5, pipeline.None, "No, score=-4.25 required=5.0 tests=e: -4.25", "-4.25"},
		"a little less":       {[]float64{-.0001}, 5, pipeline.None, "No, score=-0.001 required=5.0 tests=e: -0.001", "-0.001"},
		"nothing":             {nil, 5, pipeline.None, "No, score=0.0 required=5.0 tests=none", "0.0"},
		"never by its score":  {[]float64{100}, 0, pipeline.None, "No, score=100.0 required=0.0 tests=e: 100", "100.0"},
		"spam without points": {nil, 5, pipeline.Spam, "Yes, score=0.0 required=5.0 tests=none", "0.0"},
	} {
		w := &pipeline.Walk{Required: tt.required, Decision: pipeline.Decision{Action: tt.action}}
		for _, p := range tt.points {
			w.Steps = append(w.Steps, pipeline.Step{Entry: "e", Points: p})
			w.Score += p
		}
		score, _ := shownScores(w)
		if got := spamStatus(w); got != tt.status || score != tt.inScore {
			t.Errorf("%s: %s (%s), want %s (%s)", name, got, score, tt.status, tt.inScore)
		}
	}
}
