package journal

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestExplain(t *testing.T) {
	refused := &Record{
		ID: "06esv4q5n8g0k1t3c9v3", Time: time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC), Client: "2001:db8::25", Helo: "[192.0.2.1]",
		Reply: "550 5.7.1 refused by policy 06esv4q5n8g0k1t3c9v3", Skipped: 312,
		Walks: []Walk{{
			Recipient: "ann@example.org", Policy: "default", Score: 11.5, Required: 7.5,
			Steps: []Step{
				{Entry: "dnsbl-of-the-neighbours-and-friends", Filter: "dnsbl", Result: "temperror", Effect: "none", Micros: 5_000_123,
					Reason: "no answer from bl.example.net within 5s, nor from its second server; this says nothing about the client, good or bad"},
				{Entry: "keywords", Filter: "keywords", Result: "matched", Score: 11.5, Points: 11.5, Effect: "score 1", Micros: 812, Reason: "\x1b[2J\u202egnp.exe \"make money fast\" in the subject"},
			},
			Decision: Decision{Action: "reject", Entry: "score", Reason: "score 11.5 reaches 10"}, Outcome: "refused",
		}},
	}
	bounce := &Record{ID: "06esv4q5n8g0k1t3c9v4", Client: "192.0.2.9", Login: "ann@example.org", State: "aborted: the client gave up", Walks: []Walk{{Recipient: "bob@example.org"}}}
	for name, r := range map[string]*Record{"delivered and held": example(), "refused": refused, "aborted": bounce} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Explain(&b, r); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				if length(strings.TrimSuffix(line, "\n")) > width {
					t.Errorf("longer than %d: %s", width, line)
				}
				if strings.ContainsAny(line, "\x1b\u202e") {
					t.Errorf("reaches the terminal: %q", line)
				}
			}
			golden(t, strings.ReplaceAll(name, " ", "-")+".txt", b.Bytes())
		})
	}
}

type brokenWriter struct{}

var errPipe = errors.New("pipe")

func (brokenWriter) Write([]byte) (int, error) { return 0, errPipe }

func TestExplainReportsItsWriter(t *testing.T) {
	if err := Explain(brokenWriter{}, example()); !errors.Is(err, errPipe) {
		t.Errorf("got %v", err)
	}
}
