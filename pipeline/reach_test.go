package pipeline

import (
	"cmp"
	"reflect"
	"slices"
	"testing"
)

func TestReach(t *testing.T) {
	entry := func(name string, flags string, effects ...string) *Entry {
		e := &Entry{Name: name, Kind: &Kind{Name: name}, On: map[string]Effect{}}
		for i, text := range effects {
			effect, err := ParseEffect(text)
			if err != nil {
				t.Fatal(err)
			}
			e.On[[]string{"hit", "other"}[i]] = effect
		}
		e.Always, e.Shadow = flags == "always", flags == "shadow"
		return e
	}
	allow := entry("allow", "", "accept", "none")
	spf, rdns, virus := entry("spf", "", "spam", "score 2"), entry("rdns", "", "score 1.5"), entry("virus", "always", "quarantine")
	quiet, shadow, other := entry("quiet", "", "none"), entry("shadow", "shadow", "reject"), entry("other", "", "accept")
	for name, c := range map[string]struct {
		policy Policy
		want   Reach
		filter string // "": allow
	}{
		"first":          {Policy{Required: 7, Entries: []*Entry{allow, spf, quiet, rdns, virus}}, Reach{Entry: "allow", Below: []string{"spf", "rdns"}, Always: []string{"virus"}, Score: true}, ""},
		"last":           {Policy{Required: 7, Entries: []*Entry{virus, spf, rdns, shadow, other, allow}}, Reach{Entry: "allow", Above: []string{"virus", "spf"}, Score: true}, ""},
		"no sum":         {Policy{Entries: []*Entry{rdns, allow}}, Reach{Entry: "allow"}, ""},
		"refused by sum": {Policy{RejectAt: 9, Entries: []*Entry{allow, rdns}}, Reach{Entry: "allow", Below: []string{"rdns"}, Score: true}, ""},
		"not there":      {Policy{Required: 7, Entries: []*Entry{spf, rdns}}, Reach{}, ""},
		"in shadow":      {Policy{Entries: []*Entry{entry("allow", "shadow", "accept"), spf}}, Reach{}, ""},
		"without effect": {Policy{Entries: []*Entry{entry("allow", "", "none", "accept"), spf}}, Reach{}, ""},
		"the second one": {Policy{Entries: []*Entry{entry("allow", "", "score -5"), spf, allow}}, Reach{Entry: "allow", Above: []string{"spf"}}, ""},
		"blocks": {
			Policy{Required: 7, Entries: []*Entry{rdns, allow, virus, entry("block", "", "spam"), spf}},
			Reach{Entry: "block", Above: []string{"allow", "virus"}, Below: []string{"spf"}, Score: true}, "block",
		},
	} {
		if got := c.policy.Reach(cmp.Or(c.filter, "allow"), "hit"); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestStoppers(t *testing.T) {
	on := func(name string, a Action, shadow bool) *Entry {
		return &Entry{Name: name, Shadow: shadow, On: map[string]Effect{"x": {Action: a}}}
	}
	p := Policy{Entries: []*Entry{on("a", Accept, false), on("b", Reject, false), on("c", Score, false), on("d", Tag, true), on("e", Tag, false)}}
	if got := p.Stoppers(); !slices.Equal(got, []string{"b", "e"}) {
		t.Errorf("got %q", got)
	}
}
