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
