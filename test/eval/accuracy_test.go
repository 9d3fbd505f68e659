package main

import (
	"cmp"
	"os"
	"testing"
	"time"

	"gatepost/internal/bayes"
	"gatepost/internal/mail"
	wire "gatepost/test/load"
)

// inside is gatepost's Bayes without a program around it. It reads a message once.
type inside struct {
	model *bayes.Model
	path  string
	f     *bayes.Features // of path
}

func (in *inside) features(path string) (f *bayes.Features, err error) {
	if path == in.path {
		return in.f, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	in.path = path
	in.f, err = bayes.Of(mail.NewMessage(wire.Lines(b)))
	return in.f, err
}

func (in *inside) classify(path string) (float64, bool, error) {
	f, err := in.features(path)
	if err != nil {
		return 0, false, err
	}
	v := in.model.Judge(f, "")
	return v.Score, v.Score >= 7.5, nil
}

func (in *inside) learn(path string, spam bool) error {
	f, err := in.features(path)
	if err != nil {
		return err
	}
	in.model.Learn(f, "", spam)
	return nil
}

func (in *inside) cpu() (d time.Duration, err error) { return }
func (in *inside) stop() (size int64, err error)     { return }

// How well Bayes tells spam from ham does not get worse unseen: in the first 2,000 messages of the
// shuffled corpus, where nearly all is that it gets wrong. make eval measures the rest.
func TestAccuracy(t *testing.T) {
	const (
		most   = 0.15 // (1-ROCA) %
		least  = 82   // % of spam caught at 0.1 % of ham lost
		ham    = 0.15 // % taken for spam at level 4
		missed = 18   // % of spam taken for ham
	)
	dir := cmp.Or(os.Getenv("CORPUS"), "../../corpus")
	messages, err := load(dir)
	if err != nil {
		t.Skip("make corpus brings the corpus; make test does so first")
	}
	c := &corpus{dir: t.TempDir(), messages: messages, written: map[string]bool{}}
	order := c.shuffled(1)[:2000]
	c.messages = nil
	for n, i := range order {
		c.messages = append(c.messages, messages[i])
		order[n] = n
	}
	s, err := c.inOrder("the first of them", order)
	if err != nil {
		t.Fatal(err)
	}
	o, err := online(&inside{model: bayes.New()}, s)
	if err != nil {
		t.Fatal(err)
	}
	gotHam, gotMissed := misjudged(o.verdicts)
	t.Logf("(1-ROCA) %.4f %%, %.2f %% caught at 0.1 %%, %.3f %% of ham lost, %.2f %% of spam missed",
		loss(o.verdicts), caught(o.verdicts, 0.001), gotHam, gotMissed)
	if got := loss(o.verdicts); got > most {
		t.Errorf("(1-ROCA) is %.4f %%, want %v at most", got, most)
	}
	if got := caught(o.verdicts, 0.001); got < least {
		t.Errorf("%.2f %% of spam are caught at 0.1 %% false positives, want %v at least", got, least)
	}
	if gotHam > ham || gotMissed > missed {
		t.Errorf("%.3f %% of ham are lost and %.2f %% of spam missed at level 4, want %v and %v at most", gotHam, gotMissed, ham, missed)
	}
}
