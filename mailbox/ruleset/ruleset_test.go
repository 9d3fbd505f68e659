package ruleset_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/mailbox/ruleset"
	"gatepost/mailbox/sieve"
)

// whole is all that can be set.
func whole() ruleset.Settings {
	return ruleset.Settings{
		Vacation: &ruleset.Vacation{
			From: "2026-12-24", To: "2027-01-03", Subject: `Away: ${subject}`, Text: "Hello ${sender},\nI am \"away\" \\o/\n", Days: 3,
			Except: []string{"boss@example.com", "example.net"},
		},
		Forward: &ruleset.Forward{To: []string{"ann@elsewhere.example", "bob@example.org"}, Keep: true},
		Then:    `my "own"`,
	}
}

// TestRead: what was written is read again, whatever program has kept it meanwhile, and what was
// edited is not taken for settings.
func TestRead(t *testing.T) {
	for name, s := range map[string]ruleset.Settings{
		"all":               whole(),
		"nothing":           {},
		"vacation for ever": {Vacation: &ruleset.Vacation{Text: "x", Days: 1}},
		"forward alone":     {Forward: &ruleset.Forward{To: []string{"a@example.org"}}, Then: "main"},
	} {
		script, err := s.Script()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sieve.Compile(script); err != nil {
			t.Errorf("%s: %v\n%s", name, err, script)
		}
		for _, kept := range []string{script, strings.ReplaceAll(script, "\n", "\r\n"), strings.TrimRight(script, "\n"), script + "\r\n"} {
			got, err := ruleset.Read(kept)
			again, _ := got.Script()
			if err != nil || again != script {
				t.Errorf("%s: got %+v, %v of\n%s", name, got, err, kept)
			}
		}
		for _, other := range []string{script + "keep;\n", strings.Replace(script, "# settings: {", "# settings: {\"x\":1,", 1), "keep;", ""} {
			if _, err := ruleset.Read(other); !errors.Is(err, ruleset.ErrEdited) {
				t.Errorf("%s, edited: %v\n%s", name, err, other)
			}
		}
	}
}

// own is the owner's own script.
type own string

func (o own) Script(_ context.Context, _ bool, name string) (*sieve.Script, error) {
	if name != `my "own"` {
		return nil, nil
	}
	return sieve.Compile(string(o))
}

// TestRun: what the settings do to mail.
func TestRun(t *testing.T) {
	noCopy := whole()
	noCopy.Forward = &ruleset.Forward{To: []string{"x@example.org"}}
	alone := ruleset.Settings{Vacation: &ruleset.Vacation{Text: "plain", Days: 7}}
	for name, tt := range map[string]struct {
		settings ruleset.Settings
		from     string
		day      string
		want     string
	}{
		"within":               {whole(), "eva@friends.example", "2026-12-24", "vacation(Away: Lunch?) redirect redirect fileinto"},
		"the last day":         {whole(), "eva@friends.example", "2027-01-03", "vacation(Away: Lunch?) redirect redirect fileinto"},
		"before":               {whole(), "eva@friends.example", "2026-12-23", "redirect redirect fileinto"},
		"after":                {whole(), "eva@friends.example", "2027-01-04", "redirect redirect fileinto"},
		"an excepted address":  {whole(), "Boss@Example.com", "2026-12-25", "redirect redirect fileinto"},
		"an excepted domain":   {whole(), "eva@example.net", "2026-12-25", "redirect redirect fileinto"},
		"a domain below":       {whole(), "eva@a.example.net", "2026-12-25", "vacation(Away: Lunch?) redirect redirect fileinto"},
		"no copy is kept":      {noCopy, "eva@friends.example", "2026-12-24", "vacation(Away: Lunch?) redirect"},
		"a vacation for ever":  {alone, "eva@friends.example", "2026-12-24", "vacation() keep"},
		"nothing is set":       {ruleset.Settings{}, "eva@friends.example", "2026-12-24", "keep"},
		"nothing, but his own": {ruleset.Settings{Then: `my "own"`}, "eva@friends.example", "2026-12-24", "fileinto"},
	} {
		script, err := tt.settings.Script()
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := sieve.Compile(script)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		day, _ := time.Parse(time.DateOnly, tt.day)
		result, err := compiled.Run(t.Context(), sieve.Env{
			Message: mail.NewMessage([]byte("From: Eva <" + tt.from + ">\r\nTo: ann@example.org\r\nSubject: Lunch?\r\n\r\nx\r\n")),
			From:    mail.Path(tt.from), To: "ann@example.org", Owner: []mail.Path{"ann@example.org"}, Now: day.Add(12 * time.Hour),
			Scripts: own(`require "fileinto"; fileinto "Work";`),
		})
		var got []string
		for _, a := range result.Actions {
			did := a.Kind.String()
			if a.Kind == sieve.Vacation {
				did += "(" + a.Away.Subject + ")"
				if tt.settings.Vacation.Days == 3 && a.Away.Reason != "Hello eva@friends.example,\nI am \"away\" \\o/\n" && tt.from == "eva@friends.example" {
					t.Errorf("%s: says %q", name, a.Away.Reason)
				}
			}
			got = append(got, did)
		}
		if strings.Join(got, " ") != tt.want || err != nil {
			t.Errorf("%s: got %q, %v, want %q\n%s", name, got, err, tt.want, script)
		}
	}
}

// TestCheck: what can't be.
func TestCheck(t *testing.T) {
	for name, change := range map[string]func(*ruleset.Settings){
		"no day":           func(s *ruleset.Settings) { s.Vacation.From = "2026-13-01" },
		"backwards":        func(s *ruleset.Settings) { s.Vacation.To = "2026-12-23" },
		"no text":          func(s *ruleset.Settings) { s.Vacation.Text = " \n" },
		"a long text":      func(s *ruleset.Settings) { s.Vacation.Text = strings.Repeat("x", ruleset.MaxText+1) },
		"a long subject":   func(s *ruleset.Settings) { s.Vacation.Subject = strings.Repeat("é", ruleset.MaxSubject+1) },
		"a subject's line": func(s *ruleset.Settings) { s.Vacation.Subject = "a\nBcc: x@example.org" },
		"no days":          func(s *ruleset.Settings) { s.Vacation.Days = 0 },
		"many days":        func(s *ruleset.Settings) { s.Vacation.Days = ruleset.MaxDays + 1 },
		"no domain":        func(s *ruleset.Settings) { s.Vacation.Except = []string{"a b"} },
		"nobody":           func(s *ruleset.Settings) { s.Forward.To = nil },
		"no address":       func(s *ruleset.Settings) { s.Forward.To = []string{"ann"} },
		"too many":         func(s *ruleset.Settings) { s.Forward.To = strings.Fields(strings.Repeat("a@example.org ", 5)) },
	} {
		s := whole()
		change(&s)
		if err := s.Check(); !errors.Is(err, ruleset.ErrSettings) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := whole().Check(); err != nil {
		t.Error(err)
	}
}

// FuzzSettings: whatever an owner writes, the script runs and says it, and nothing else.
func FuzzSettings(f *testing.F) {
	f.Add("Away", "I am away\r\n.\r\n", "\"; stop; \"", "a@example.org")
	f.Add("${subject}", "${1}\\", "x}", "\"a b\\\"\"@example.org")
	f.Fuzz(func(t *testing.T, subject, text, then, to string) {
		s := ruleset.Settings{Vacation: &ruleset.Vacation{Subject: subject, Text: text, Days: 7, Except: []string{to}}, Forward: &ruleset.Forward{To: []string{to}, Keep: true}}
		if sieve.ScriptName(then) == nil {
			s.Then = then
		}
		if s.Check() != nil {
			return
		}
		script, err := s.Script()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sieve.Compile(script); err != nil {
			t.Fatalf("%v\n%s", err, script)
		}
		if _, err := ruleset.Read(script); err != nil {
			t.Fatalf("%v\n%s", err, script)
		}
	})
}
