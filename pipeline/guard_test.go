package pipeline

import (
	"context"
	"testing"

	"gatepost/internal/mail"
)

// What is held is dangerous where any of those that hold it says so, whatever their order; who decides is then that one.
func TestGuarded(t *testing.T) {
	plain := &Kind{Name: "plain", Stage: Data, Results: []Result{{Word: "learnt"}, {Word: "virus", Guards: true}}}
	danger := &Kind{Name: "danger", Stage: Data, Guarded: true, Always: true, Results: []Result{{Word: "bomb"}}}
	entry := func(k *Kind, word string, does Action) *Entry {
		says := probe(func(context.Context, Query) (Finding, error) { return Finding{Result: word}, nil })
		return &Entry{Name: k.Name, Key: k.Name, Kind: k, Filter: says, Always: k.Always, On: map[string]Effect{word: {Action: does}}}
	}
	for name, tt := range map[string]struct {
		entries []*Entry
		guarded bool
		by      string
	}{
		"a result that guards":            {[]*Entry{entry(plain, "virus", Quarantine)}, true, "plain"},
		"another of the same kind":        {[]*Entry{entry(plain, "learnt", Quarantine)}, false, "plain"},
		"it is not held":                  {[]*Entry{entry(plain, "virus", Spam)}, false, "plain"},
		"dangerous above":                 {[]*Entry{entry(danger, "bomb", Quarantine), entry(plain, "learnt", Quarantine)}, true, "danger"},
		"dangerous below":                 {[]*Entry{entry(plain, "learnt", Quarantine), entry(danger, "bomb", Quarantine)}, true, "danger"},
		"of two dangerous ones the first": {[]*Entry{entry(plain, "virus", Quarantine), entry(danger, "bomb", Quarantine)}, true, "plain"},
		"refused is stronger":             {[]*Entry{entry(plain, "virus", Reject), entry(danger, "bomb", Quarantine)}, false, "plain"},
	} {
		t.Run(name, func(t *testing.T) {
			tx := atRcpt(t)
			w := NewWalk(&Policy{Entries: tt.entries}, "ann@x.example", true)
			if err := w.Advance(t.Context(), tx.WithData([]mail.Path{"ann@x.example"}, mail.NewMessage(nil))); err != nil {
				t.Fatal(err)
			}
			tx.Close()
			if d := w.Decision; d.Guarded != tt.guarded || d.Filter != tt.by {
				t.Errorf("guarded %v, by %s; want %v, by %s", d.Guarded, d.Filter, tt.guarded, tt.by)
			}
		})
	}
}
