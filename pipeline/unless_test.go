package pipeline

import (
	"context"
	"testing"

	"gatepost/internal/mail"
)

// A filter that a message is spared is not asked at all, not even ahead; its step says why.
func TestUnless(t *testing.T) {
	for _, tt := range []struct {
		name   string
		result string
		shadow bool
		want   string // the result of the entry below
		reason string
	}{
		{"spared", "match", false, Skipped, "not asked, since allow says: the pattern was found"},
		{"not spared", "none", false, "hit", "it was asked"},
		{"in shadow nothing follows", "match", true, "hit", "it was asked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			results := []Result{{Word: "match", Spares: true}, {Word: "none"}, {Word: "hit"}}
			says := func(f Finding) Filter {
				return probe(func(context.Context, Query) (Finding, error) { return f, nil })
			}
			entry := func(name string, waits bool, f Filter) *Entry {
				return &Entry{Name: name, Key: name, Kind: &Kind{Name: name, Stage: Rcpt, Waits: waits, Results: results}, Filter: f}
			}
			below := entry("below", true, probe(func(context.Context, Query) (Finding, error) {
				asked++
				return Finding{Result: "hit", Reason: "it was asked"}, nil
			}))
			below.Unless, below.On = "allow", map[string]Effect{"hit": {Action: Spam}}
			allow := entry("allow", true, says(Finding{Result: tt.result, Reason: "the pattern was found"}))
			allow.Shadow = tt.shadow
			p := &Policy{Entries: []*Entry{entry("first", true, says(Finding{Result: "none"})), allow, below, entry("last", true, says(Finding{Result: "none"}))}}
			tx := atRcpt(t)
			w := NewWalk(p, "ann@x.example", true)
			if err := w.Advance(t.Context(), tx.WithData([]mail.Path{"ann@x.example"}, mail.NewMessage(nil))); err != nil {
				t.Fatal(err)
			}
			tx.Close() // what was read ahead has run
			got := w.Steps[2].Finding
			if got.Result != tt.want || got.Reason != tt.reason {
				t.Errorf("got %+v", w.Steps)
			}
			if spared := tt.want == Skipped; (asked == 0) != spared || (w.Decision.Action == None) != spared {
				t.Errorf("asked %d times, decision %+v", asked, w.Decision)
			}
		})
	}
}
