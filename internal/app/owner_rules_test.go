package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gatepost/mailbox"
	"gatepost/mailbox/ruleset"
)

// shelf keeps one box's scripts in memory.
type shelf map[string]mailbox.Script

func (s shelf) Scripts(context.Context, int64) (list []mailbox.Script, err error) {
	for _, one := range s {
		one.Content = ""
		list = append(list, one)
	}
	return list, nil
}

func (s shelf) Script(_ context.Context, _ int64, name string) (mailbox.Script, error) {
	one, ok := s[name]
	if !ok {
		return one, mailbox.ErrNoScript
	}
	return one, nil
}

func (s shelf) PutScript(_ context.Context, _ int64, one mailbox.Script) error {
	one.Active = s[one.Name].Active
	s[one.Name] = one
	return nil
}

func (s shelf) DeleteScript(_ context.Context, _ int64, name string) error {
	switch one, ok := s[name]; {
	case !ok:
		return mailbox.ErrNoScript
	case one.Active:
		return mailbox.ErrScriptActive
	}
	delete(s, name)
	return nil
}

func (s shelf) RenameScript(context.Context, int64, string, string) error {
	return errors.New("unused")
}

func (s shelf) ActivateScript(_ context.Context, _ int64, name string) error {
	if _, ok := s[name]; name != "" && !ok {
		return mailbox.ErrNoScript
	}
	for n, one := range s {
		one.Active = n == name
		s[n] = one
	}
	return nil
}

// together is a shelf that changes only by Together.
type together struct{ shelf }

var errAlone = errors.New("a change by itself")

func (together) PutScript(context.Context, int64, mailbox.Script) error { return errAlone }

func (together) DeleteScript(context.Context, int64, string) error { return errAlone }

func (together) ActivateScript(context.Context, int64, string) error { return errAlone }

func (s together) Together(_ context.Context, _ int64, f func(mailbox.Scripts) error) error {
	return f(s.shelf)
}

func (s shelf) active() string {
	for n, one := range s {
		if one.Active {
			return n
		}
	}
	return ""
}

// TestOwnerRules: what is set in simple words, and what the owner's own scripts become of it.
func TestOwnerRules(t *testing.T) {
	away := func(s *ruleset.Settings) { s.Vacation = &ruleset.Vacation{Text: "away", Days: 7} }
	back := func(s *ruleset.Settings) { s.Vacation = nil }
	sent := func(s *ruleset.Settings) { s.Forward = &ruleset.Forward{To: []string{"a@example.org"}} }
	here := func(s *ruleset.Settings) { s.Forward = nil }
	start := func(scripts map[string]string, active string) (shelf, ownerRules) {
		s := shelf{}
		for name, content := range scripts {
			s[name] = mailbox.Script{Name: name, Content: content, Active: name == active}
		}
		return s, ownerRules{together{s}, time.Now}
	}
	including := `require "include"; include :optional "gatepost"; keep;`
	for name, tt := range map[string]struct {
		scripts map[string]string
		active  string
		changes []func(*ruleset.Settings)
		want    string // the active one
		then    string
		left    bool // the script is there
		runs    bool
	}{
		"first":                     {nil, "", []func(*ruleset.Settings){away}, "gatepost", "", true, true},
		"ended":                     {nil, "", []func(*ruleset.Settings){away, back}, "", "", false, false},
		"never begun":               {nil, "", []func(*ruleset.Settings){back}, "", "", false, false},
		"beside his own":            {map[string]string{"main": "keep;"}, "main", []func(*ruleset.Settings){away, sent}, "gatepost", "main", true, true},
		"one of two ended":          {map[string]string{"main": "keep;"}, "main", []func(*ruleset.Settings){away, sent, back}, "gatepost", "main", true, true},
		"beside his own, ended":     {map[string]string{"main": "keep;"}, "main", []func(*ruleset.Settings){away, sent, back, here}, "main", "", false, false},
		"his own is not active":     {map[string]string{"main": "keep;"}, "", []func(*ruleset.Settings){away}, "gatepost", "", true, true},
		"his own includes it":       {map[string]string{"main": including}, "main", []func(*ruleset.Settings){away}, "main", "", true, true},
		"his own includes it, ends": {map[string]string{"main": including}, "main", []func(*ruleset.Settings){away, back}, "main", "", true, true},
	} {
		s, rules := start(tt.scripts, tt.active)
		for _, change := range tt.changes {
			if err := rules.change(t.Context(), 1, change); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		set, _, runs, err := rules.read(t.Context(), 1)
		if _, left := s[ruleset.Name]; s.active() != tt.want || set.Then != tt.then || left != tt.left || runs != tt.runs || err != nil {
			t.Errorf("%s: %q is active, then %q, there %v, runs %v, %v", name, s.active(), set.Then, left, runs, err)
		}
	}

	s, rules := start(map[string]string{"main": "keep;"}, "main")
	if err := rules.change(t.Context(), 1, away); err != nil {
		t.Fatal(err)
	}
	if err := s.ActivateScript(t.Context(), 1, "main"); err != nil { // by the owner, in a mail program
		t.Fatal(err)
	}
	if _, _, runs, err := rules.read(t.Context(), 1); runs || err != nil {
		t.Errorf("another script is active, and it is said to run: %v", err)
	}
	delete(s, "main")
	s.PutScript(t.Context(), 1, mailbox.Script{Name: ruleset.Name, Content: strings.Replace(s[ruleset.Name].Content, "away", "gone", 1)})
	if err := rules.change(t.Context(), 1, back); !errors.Is(err, ruleset.ErrEdited) {
		t.Errorf("an edited script was replaced: %v", err)
	}
}
