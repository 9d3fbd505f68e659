package filters

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gatepost/internal/engine"
	"gatepost/internal/mail"
)

// parseEngines reads what engines say, one thing a line:
//
//	scan ADDRESS|PROGRAM clean | found NAME | declined WHY | failed WHY
//	grade SCORE REQUIRED spam|ham|skipped [ACTION]   and then, for each rule that hit:
//	test NAME POINTS [TEXT]
//	milter VERDICT AT [REPLY]                        and then
//	recipient ADDRESS VERDICT [REPLY] | change TEXT
//	failed WHY                                       of a grade or a milter
func parseEngines(t *testing.T, text string) Engines {
	e := &fakeEngines{scans: map[string]string{}}
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		f := strings.Fields(rest)
		switch word {
		case "scan":
			address, says, _ := strings.Cut(rest, " ")
			e.scans[address] = says
		case "grade":
			readInto(t, f[0], &e.grade.Score)
			readInto(t, f[1], &e.grade.Required)
			e.grade.Spam, e.grade.Skipped, e.grade.Action = f[2] == "spam", f[2] == "skipped", strings.Join(f[3:], " ")
		case "test":
			n := engine.Test{Name: f[0], Text: strings.Join(f[2:], " ")}
			readInto(t, f[1], &n.Points)
			e.grade.Tests = append(e.grade.Tests, n)
		case "milter":
			e.answer.Verdict, e.answer.At, e.answer.Reply = engine.Verdict(f[0]), f[1], strings.Join(f[2:], " ")
		case "recipient":
			if e.answer.Recipients == nil {
				e.answer.Recipients = map[mail.Path]engine.Refusal{}
			}
			e.answer.Recipients[mail.Path(f[0])] = engine.Refusal{Verdict: engine.Verdict(f[1]), Reply: strings.Join(f[2:], " ")}
		case "change":
			e.answer.Changes = append(e.answer.Changes, rest)
		case "failed":
			e.failed = errors.New(rest)
		case "declined":
			e.failed = fmt.Errorf("%s: %w", rest, engine.ErrDeclined)
		case "early":
			e.answer.Early = true
		default:
			t.Fatalf("engine %q", line)
		}
	}
	return Engines{
		Clamd:   func(a []string) Scanner { return fakeScanner(e.scans[a[0]]) },
		Command: func(c engine.Command) Scanner { return fakeScanner(e.scans[c.Run[0]]) },
		Spamd:   func([]string) Grader { return e },
		Rspamd:  func([]string, string) Grader { return e },
		Milter:  func([]string) Milter { return e },
	}
}

func readInto(t *testing.T, s string, to any) {
	if _, err := fmt.Sscan(s, to); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
}

type fakeScanner string

// Scan implements Scanner.
func (s fakeScanner) Scan(context.Context, *mail.Message) (string, error) {
	word, rest, _ := strings.Cut(string(s), " ")
	switch word {
	case "clean":
		return "", nil
	case "found":
		return rest, nil
	case "declined":
		return "", fmt.Errorf("%s: %w", rest, engine.ErrDeclined)
	}
	return "", errors.New(rest)
}

type fakeEngines struct {
	scans  map[string]string
	grade  engine.Grade
	answer engine.Answer
	failed error
}

// Grade implements Grader.
func (e *fakeEngines) Grade(context.Context, engine.Request) (engine.Grade, error) {
	return e.grade, e.failed
}

// Ask implements Milter: before the content it has an opinion where the case says "early".
func (e *fakeEngines) Ask(_ context.Context, r engine.Request) (engine.Answer, error) {
	if r.Message == nil && !e.answer.Early {
		return engine.Answer{Verdict: engine.Accept}, e.failed
	}
	return e.answer, e.failed
}
