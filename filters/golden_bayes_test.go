package filters

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"gatepost/internal/bayes"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// fakeBayes says what a case has it say, whatever the message.
type fakeBayes struct {
	verdict bayes.Verdict
	reasons []bayes.Reason
	earned  bool
	asked   []string // domains
}

// parseBayes reads a case's section "bayes": SCORE SPAM HAM earned|unearned|untrained, then WEIGHT FEATURE a line; nil: it is empty.
func parseBayes(t *testing.T, text string) Bayes {
	head, rest, _ := strings.Cut(text, "\n")
	if head == "" {
		return nil
	}
	b := &fakeBayes{}
	var word string
	if _, err := fmt.Sscan(head, &b.verdict.Score, &b.verdict.Spam, &b.verdict.Ham, &word); err != nil {
		t.Fatalf("bayes %q: %v", head, err)
	}
	b.verdict.Trained, b.earned = word != "untrained", word == "earned"
	for line := range strings.Lines(rest) {
		weight, feature, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		r := bayes.Reason{Feature: feature}
		if _, err := fmt.Sscan(weight, &r.Weight); err != nil {
			t.Fatalf("bayes %q: %v", line, err)
		}
		b.reasons = append(b.reasons, r)
	}
	return b
}

// Judge implements Bayes. Who asks about nothing wants to know only whether it is trained.
func (b *fakeBayes) Judge(f *bayes.Features, domain string) bayes.Verdict {
	if f.Sum() != new(bayes.Features).Sum() {
		b.asked = append(b.asked, domain)
	}
	return b.verdict
}

// Explain implements Bayes.
func (b *fakeBayes) Explain(_ *bayes.Features, _ string, n int) []bayes.Reason {
	return b.reasons[:min(n, len(b.reasons))]
}

// EarnedAt implements Bayes.
func (b *fakeBayes) EarnedAt(float64) bool { return b.earned }

// walkBayes has a policy with a bayes entry judge an offer to some recipients, and returns their walks.
func walkBayes(t *testing.T, b Bayes, message *mail.Message, settings map[string]any, required, rejectAt float64, to ...mail.Path) (walks []*pipeline.Walk) {
	t.Helper()
	spec := pipeline.Spec{Name: "p", Required: required, RejectAt: rejectAt, Entries: []pipeline.EntrySpec{{Filter: "bayes", Settings: settings}}}
	policies, problems := pipeline.Compile(Catalog(Deps{Bayes: b}), []pipeline.Spec{spec})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	tx := pipeline.NewTransaction(t.Context(), "id", time.Unix(1_700_000_000, 0), mail.Client{}, nil)
	defer tx.Close()
	tx = tx.WithHelo(mail.Client{}).WithMail("ann@example.org", mail.Params{}).WithRcpt().WithData(to, message)
	for _, one := range to {
		w := pipeline.NewWalk(policies["p"], one, true)
		advance(t, w, tx)
		walks = append(walks, w)
	}
	return walks
}

const bayesOffer = "From: ann@example.org\nSubject: watches\n\nBuy them.\n"

// One question serves all recipients of a domain, whatever its case, and each domain is asked about on its own.
func TestBayesByDomain(t *testing.T) {
	b := &fakeBayes{verdict: bayes.Verdict{Score: 9, Trained: true}, earned: true}
	walkBayes(t, b, crlf(bayesOffer), nil, 7.5, 0, "a@one.example", "b@one.example", "c@two.example")
	if got := strings.Join(b.asked, " "); got != "one.example two.example" {
		t.Errorf("asked about %q", got)
	}
}

// However sure it is, Bayes alone has no message refused, and before it has earned it none held either, in no mailbox.
func TestBayesAloneIsNeverDecisive(t *testing.T) {
	for name, tt := range map[string]struct {
		level              int
		score              float64
		earned             bool
		required, rejectAt float64
		want               pipeline.Action
	}{
		"spam":                              {4, 14.99, true, 7.5, 0, pipeline.Spam},
		"just spam":                         {4, 7.5, true, 7.5, 0, pipeline.Spam},
		"just not":                          {4, 7.49, true, 7.5, 0, pipeline.None},
		"a lax level":                       {7, 11.2, true, 7.5, 0, pipeline.None},
		"a lax level, surely":               {7, 11.3, true, 7.5, 0, pipeline.Spam},
		"a strict level":                    {1, 2, true, 7.5, 0, pipeline.Spam},
		"what is sure is refused":           {4, 14.99, true, 7.5, 10, pipeline.Spam},
		"what is spam is refused":           {4, 14.99, true, 7.5, 7.5, pipeline.None},
		"unearned":                          {4, 14.99, false, 7.5, 0, pipeline.None},
		"unearned, a strict mailbox":        {4, 14.99, false, 1.875, 0, pipeline.None},
		"unearned, little is refused":       {1, 14.99, false, 7.5, 3, pipeline.None},
		"earned, a mailbox that takes much": {4, 14.99, true, 13, 0, pipeline.Spam},
	} {
		b := &fakeBayes{verdict: bayes.Verdict{Score: tt.score, Trained: true}, earned: tt.earned}
		w := walkBayes(t, b, crlf(bayesOffer), map[string]any{"level": tt.level}, tt.required, tt.rejectAt, "a@one.example")[0]
		if w.Decision.Action != tt.want {
			t.Errorf("%s: %s with %g points, want %s", name, w.Decision.Action, w.Score, tt.want)
		}
	}
}

// Ham lies at 0.8 to 1.5: no level adds points to that, and none has a message jump by some where its score hardly moves, but
// level 1, for which all above that is spam.
func TestBayesAddsNothingToHam(t *testing.T) {
	points := func(level int, score float64, earned bool) float64 {
		b := &fakeBayes{verdict: bayes.Verdict{Score: score, Trained: true}, earned: earned}
		return walkBayes(t, b, crlf(bayesOffer), map[string]any{"level": level}, 7.5, 0, "a@one.example")[0].Score
	}
	for level := 1; level <= bayes.Levels; level++ {
		for _, score := range []float64{0.01, 0.87, 0.9375, 1.2, 1.5, 1.874} {
			if got := max(points(level, score, true), points(level, score, false)); got != 0 {
				t.Errorf("level %d adds %g points to what scores %g", level, got, score)
			}
		}
		for score, last := 1.875, 0.0; level > 1 && score < 15; score += .02 {
			got := points(level, score, true)
			if got < last || got > last+.1 {
				t.Errorf("level %d: %g points at %g, and %g just before", level, got, score, last)
			}
			last = got
		}
		if got := points(level, bayes.LevelScore(level), true); got != 7.5 {
			t.Errorf("level %d: %g points for spam", level, got)
		}
	}
}

// Of a long message the reason says that it was not read to the end.
func TestBayesSaysWhatIsCut(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		cut  bool
	}{"short": {"Buy them.\n", false}, "long": {strings.Repeat("Buy them all, and some more of them.\n", 2000), true}} {
		b := &fakeBayes{verdict: bayes.Verdict{Score: 1, Trained: true}, earned: true}
		w := walkBayes(t, b, crlf("From: ann@example.org\nSubject: watches\n\n"+tt.text), nil, 7.5, 0, "a@one.example")[0]
		if got := w.Steps[0].Finding.Reason; strings.HasSuffix(got, "; only the beginning of its text was looked at") != tt.cut {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// gone is content of which nothing can be read.
type gone struct{}

func (gone) ReadAt([]byte, int64) (int, error) { return 0, errors.New("the disk is gone") }

var _ io.ReaderAt = gone{}

// Content that can't be read is no ham.
func TestBayesUnread(t *testing.T) {
	b := &fakeBayes{verdict: bayes.Verdict{Score: 1, Trained: true}}
	w := walkBayes(t, b, mail.NewSpooled(gone{}, 5000), nil, 7.5, 0, "a@one.example")[0]
	if f := w.Steps[0].Finding; f.Result != pipeline.TempError || w.Steps[0].Err == nil || len(b.asked) > 0 {
		t.Errorf("%+v, %v", f, w.Steps[0].Err)
	}
}

// Features are strangers' words: none moves a cursor, breaks a line or is long.
func TestFeatureName(t *testing.T) {
	for in, want := range map[string]string{
		"subject:watches":        "subject:watches",
		"été … soldes":           "été … soldes",
		"a\x1b[2Jb\r\nc":         "a·[2Jb··c",
		"\u202eabc\u200b":        "·abc·",
		"bad\xff\xfeutf":         "bad··utf",
		strings.Repeat("é", 500): strings.Repeat("é", maxFeature-1) + "…",
	} {
		if got := featureName(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
