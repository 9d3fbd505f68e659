package filters

import (
	"context"
	"errors"
	"strings"
	"testing"

	"gatepost/internal/engine"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// wordScanner finds a word; it can't be asked about what is larger than ten octets.
type wordScanner struct{}

// Scan implements Scanner.
func (wordScanner) Scan(_ context.Context, m *mail.Message) (string, error) {
	b := make([]byte, m.Size())
	switch _, err := m.ReadAt(b, 0); {
	case len(b) > 10:
		return "", errors.Join(err, errors.New("away"))
	case strings.Contains(string(b), "virus"):
		return "Word", nil
	}
	return "", nil
}

// Of a file those engines say what is in it that found something in the message.
func TestInfectedAsksWhoFound(t *testing.T) {
	f, err := newAntivirus(antivirusOptions{Engines: []scannerOptions{{Run: []string{"/bin/scan"}}}, Need: "one"}, Engines{
		Command: func(engine.Command) Scanner { return wordScanner{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &pipeline.Policy{Entries: []*pipeline.Entry{{Name: "scan", Filter: f}, {Name: "other", Filter: antivirus{}}}}
	for name, tt := range map[string]struct {
		step pipeline.Step
		file string
		want bool
	}{
		"infected":        {pipeline.Step{Entry: "scan", Finding: pipeline.Finding{Result: "virus"}}, "a virus", true},
		"honest":          {pipeline.Step{Entry: "scan", Finding: pipeline.Finding{Result: "virus"}}, "a letter", false},
		"not to be told":  {pipeline.Step{Entry: "scan", Finding: pipeline.Finding{Result: "virus"}}, "a virus, a virus", false},
		"clean before":    {pipeline.Step{Entry: "scan", Finding: pipeline.Finding{Result: "clean"}}, "a virus", false},
		"in shadow":       {pipeline.Step{Entry: "scan", Finding: pipeline.Finding{Result: "virus"}, Shadow: true}, "a virus", false},
		"another's entry": {pipeline.Step{Entry: "other", Finding: pipeline.Finding{Result: "virus"}}, "a virus", false},
	} {
		tt.step.Filter = "antivirus"
		w := &pipeline.Walk{Policy: p, Steps: []pipeline.Step{tt.step}}
		if got := Infected(t.Context(), w, mail.NewMessage([]byte(tt.file))); got != tt.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
