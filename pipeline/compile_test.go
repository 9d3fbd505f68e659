package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

type listOptions struct {
	Zones []string      `setting:"zones" doc:"zones to ask"`
	Wait  time.Duration `setting:"wait" doc:"how long"`
}

func testCatalog() []Kind {
	never := func(any) (Filter, error) { return probe(nil), nil }
	return []Kind{
		{Name: "ip-ban", Stage: Connect, Gate: true, Results: []Result{{Word: "banned", Effect: "reject"}}, New: never},
		{Name: "dnsbl", Stage: Rcpt, Results: []Result{{Word: "listed", Effect: "spam"}, {Word: "none", Effect: "none"}},
			Options: func() any { return &listOptions{Wait: time.Second} },
			New: func(o any) (Filter, error) {
				zones := o.(*listOptions).Zones
				if len(zones) > 2 {
					return nil, errors.New("more than two zones")
				}
				if i := slices.Index(zones, "bad"); i >= 0 {
					return nil, errors.Join(SettingError{Path: fmt.Sprintf("zones[%d]", i), Line: 2, Err: errors.New("bad zone")})
				}
				return probe(nil), nil
			}},
		{Name: "allow", Stage: Rcpt, Results: []Result{{Word: "match", Effect: "none", Spares: true}, {Word: "none", Effect: "none"}}, New: never},
		{Name: "logic", Stage: Data, Needs: []string{"dnsbl"}, Results: []Result{{Word: "yes", Effect: "score 1"}}, New: never},
	}
}

func TestCompileProblems(t *testing.T) {
	tests := []struct {
		name string
		in   []EntrySpec
		want string // "" : fine
	}{
		{"as it should be", []EntrySpec{{Filter: "dnsbl", Settings: map[string]any{"zones": []any{"a.example"}, "wait": "5s"}}, {Filter: "logic"}}, ""},
		{"unknown filter", []EntrySpec{{Filter: "dnsbll", Line: 4}}, `4: unknown filter "dnsbll"; did you mean "dnsbl"?`},
		{"unknown setting", []EntrySpec{{Filter: "dnsbl", Line: 4, Settings: map[string]any{"zone": "x"}, Lines: map[string]int{"zone": 6}}}, `6: filter "dnsbl" has no setting "zone"; did you mean "zones"?`},
		{"setting of another type", []EntrySpec{{Filter: "dnsbl", Settings: map[string]any{"wait": "soon"}}}, `0: dnsbl: wait: `},
		{"setting that the filter refuses", []EntrySpec{{Filter: "dnsbl", Line: 3, Settings: map[string]any{"zones": []any{"a", "b", "c"}}}}, "3: dnsbl: more than two zones"},
		{"item that the filter refuses", []EntrySpec{{Filter: "dnsbl", Line: 3, Settings: map[string]any{"zones": []any{"a", "bad"}}, Lines: map[string]int{"zones[1]": 5}}}, "6: dnsbl: bad zone"},
		{"item whose line is not known", []EntrySpec{{Filter: "dnsbl", Line: 3, Settings: map[string]any{"zones": []any{"a", "bad"}}, Lines: map[string]int{"zones": 4}}}, "5: dnsbl: bad zone"},
		{"unknown result", []EntrySpec{{Filter: "dnsbl", On: map[string]string{"lisetd": "spam"}, Line: 1, Lines: map[string]int{"on.lisetd": 2}}}, `2: dnsbl: no result "lisetd"; did you mean "listed"?; it answers listed, none, temperror`},
		{"unknown effect", []EntrySpec{{Filter: "dnsbl", On: map[string]string{"listed": "kill"}, Line: 1}}, `1: dnsbl: on listed: unknown effect "kill"`},
		{"temperror is everybody's", []EntrySpec{{Filter: "dnsbl", On: map[string]string{"temperror": "defer"}}}, ""},
		{"need below", []EntrySpec{{Filter: "logic", Line: 1}, {Filter: "dnsbl"}}, `1: filter "logic" needs "dnsbl" above it`},
		{"two of one name", []EntrySpec{{Filter: "dnsbl"}, {Filter: "dnsbl", Line: 9}}, `9: two entries are named "dnsbl"`},
		{"spared", []EntrySpec{{Filter: "allow"}, {Filter: "dnsbl", Unless: "allow"}}, ""},
		{"spared by another name", []EntrySpec{{Filter: "allow", Name: "ours"}, {Filter: "dnsbl", Unless: "ours"}}, ""},
		{"spared by nobody", []EntrySpec{{Filter: "allow"}, {Filter: "dnsbl", Unless: "alow", Line: 2, Lines: map[string]int{"unless": 4}}}, `4: dnsbl: unless: no entry above is named "alow"; did you mean "allow"?`},
		{"spared by one below", []EntrySpec{{Filter: "dnsbl", Unless: "allow", Line: 2}, {Filter: "allow"}}, `2: dnsbl: unless: no entry above is named "allow"`},
		{"spared by itself", []EntrySpec{{Filter: "dnsbl", Unless: "dnsbl", Line: 2}}, `2: dnsbl: unless: no entry above is named "dnsbl"`},
		{"spared by one that spares nobody", []EntrySpec{{Filter: "dnsbl"}, {Filter: "allow", Unless: "dnsbl", Line: 2}}, `2: allow: unless: dnsbl has no result that spares a message other entries`},
		{"spared what runs always", []EntrySpec{{Filter: "allow"}, {Filter: "dnsbl", Unless: "allow", Always: new(true), Line: 2}}, `2: dnsbl: unless: it runs always`},
		{"two of own names", []EntrySpec{{Filter: "dnsbl"}, {Filter: "dnsbl", Name: "other"}}, ""},
	}
	for _, tt := range tests {
		policies, problems := Compile(testCatalog(), []Spec{{Name: "p", Entries: tt.in}})
		var texts []string
		for _, p := range problems {
			texts = append(texts, itoa(p.Line)+": "+p.Text)
		}
		got := strings.Join(texts, "\n")
		if tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if tt.want == "" && len(policies["p"].Entries) != len(tt.in) {
			t.Errorf("%s: entries are missing", tt.name)
		}
	}
}

func itoa(n int) string { return string(rune('0' + n)) }

// A filter whose settings name an entry that does not stand above it is told so.
func TestReferrers(t *testing.T) {
	kind := Kind{Name: "logic", Stage: Data, Results: []Result{{Word: "yes", Effect: "none"}}, New: func(any) (Filter, error) { return referrer{probe(nil)}, nil }}
	catalog := append(testCatalog(), kind)
	catalog = slices.DeleteFunc(catalog, func(k Kind) bool { return k.Name == "logic" && len(k.Needs) > 0 })
	for _, tt := range []struct {
		entries []EntrySpec
		want    string
	}{
		{[]EntrySpec{{Filter: "dnsbl", Name: "Lists"}, {Filter: "logic"}}, ""},
		{[]EntrySpec{{Filter: "logic", Line: 3}, {Filter: "dnsbl", Name: "lists"}}, `logic: no entry above is named "lists"`},
		{[]EntrySpec{{Filter: "dnsbl", Name: "list"}, {Filter: "logic"}}, `logic: no entry above is named "lists"; did you mean "list"?`},
	} {
		got := ""
		if _, problems := Compile(catalog, []Spec{{Name: "p", Entries: tt.entries}}); len(problems) > 0 {
			got = problems[0].Text
		}
		if got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

type referrer struct{ Filter }

func (referrer) Refers() []string { return []string{"lists"} }

// The same settings share findings, others do not.
func TestKeys(t *testing.T) {
	one := map[string]any{"zones": []any{"a.example"}}
	two := map[string]any{"zones": []any{"b.example"}}
	policies, problems := Compile(testCatalog(), []Spec{
		{Name: "p", Entries: []EntrySpec{{Filter: "dnsbl", Settings: one}, {Filter: "dnsbl", Name: "again", Settings: one}, {Filter: "dnsbl", Name: "other", Settings: two}}},
		{Name: "q", Entries: []EntrySpec{{Filter: "dnsbl", Settings: one, On: map[string]string{"listed": "reject"}}}},
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	p, q := policies["p"].Entries, policies["q"].Entries
	if p[0].Key != p[1].Key || p[0].Key != q[0].Key || p[0].Key == p[2].Key {
		t.Errorf("keys: %q %q %q %q", p[0].Key, p[1].Key, p[2].Key, q[0].Key)
	}
}

func TestGateAndShadow(t *testing.T) {
	if _, problems := CompileGate(testCatalog(), Spec{Entries: []EntrySpec{{Filter: "ip-ban"}, {Filter: "dnsbl"}}}); len(problems) != 1 {
		t.Errorf("a filter that needs a recipient in the gate: got %v", problems)
	}
	if _, problems := CompileGate(testCatalog(), Spec{Entries: []EntrySpec{{Filter: "ip-ban"}, {Filter: "ip-ban", Name: "b", Unless: "ip-ban"}}}); len(problems) != 1 || problems[0].Text != "b: unless: the gate knows no exceptions" {
		t.Errorf("an exception in the gate: got %v", problems)
	}
	policies, problems := Compile(testCatalog(), []Spec{{Name: "a", Shadow: "b"}, {Name: "b"}})
	if len(problems) > 0 || policies["a"].Shadow != policies["b"] {
		t.Errorf("shadow: got %v, %v", policies["a"].Shadow, problems)
	}
	if _, problems = Compile(testCatalog(), []Spec{{Name: "a", Shadow: "a"}}); len(problems) != 1 {
		t.Errorf("a policy that shadows itself: got %v", problems)
	}
}

func TestSettings(t *testing.T) {
	cat := testCatalog()
	got := cat[1].Settings()
	if len(got) != 2 || got[1].Name != "wait" || got[1].Default != "1s" || got[1].Doc != "how long" {
		t.Errorf("got %+v", got)
	}
}

// A recipient that does not exist is asked of the filters that want to know, in their
// order, and its findings are not those of one that exists.
func TestUnknownRecipients(t *testing.T) {
	kind := func(name string, unknown bool) Kind {
		return Kind{Name: name, Stage: Rcpt, Scope: PerRecipient, Unknown: unknown, Results: []Result{{Word: "known", Effect: "none"}, {Word: "unknown", Effect: "discard"}},
			New: func(any) (Filter, error) {
				return probe(func(_ context.Context, q Query) (Finding, error) {
					if q.Unknown {
						return Finding{Result: "unknown"}, nil
					}
					return Finding{Result: "known"}, nil
				}), nil
			}}
	}
	policies, problems := Compile([]Kind{kind("a", false), kind("b", true), kind("c", true)}, []Spec{
		{Name: "p", Entries: []EntrySpec{{Filter: "a"}, {Filter: "b"}, {Filter: "c"}}},
		{Name: "none", Entries: []EntrySpec{{Filter: "a"}}},
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if policies["none"].Unknown != nil {
		t.Error("a policy in which nobody asks has a walk for the unknown")
	}
	tx := atRcpt(t)
	defer tx.Close()
	known, unknown := NewWalk(policies["p"], "ann@x.example", true), NewUnknownWalk(policies["p"], "ann@x.example", true)
	if err := errors.Join(known.Advance(t.Context(), tx), unknown.Advance(t.Context(), tx)); err != nil {
		t.Fatal(err)
	}
	if len(known.Steps) != 3 || known.Done() {
		t.Errorf("known: %d steps, done %t", len(known.Steps), known.Done())
	}
	if len(unknown.Steps) != 1 || unknown.Decision.Entry != "b" || unknown.Decision.Action != Discard {
		t.Errorf("unknown: %d steps, %+v", len(unknown.Steps), unknown.Decision)
	}
}

// Mail to postmaster and abuse walks what says so alone.
func TestRoles(t *testing.T) {
	kind := func(name string, roles bool) Kind {
		return Kind{Name: name, Stage: Data, Roles: roles, Results: []Result{{Word: "yes", Effect: "spam"}}, New: func(any) (Filter, error) { return probe(nil), nil }}
	}
	entries := []EntrySpec{{Filter: "words"}, {Filter: "viruses"}, {Filter: "viruses", Name: "more"}}
	policies, problems := Compile([]Kind{kind("words", false), kind("viruses", true)}, []Spec{{Name: "p", Required: 5, Entries: entries}, {Name: "none", Entries: entries[:1]}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if r := policies["p"].Roles; r == nil || len(r.Entries) != 2 || r.Entries[0].Name != "viruses" || r.Required != 0 {
		t.Errorf("got %+v", r)
	}
	if r := policies["none"].Roles; r != nil {
		t.Errorf("got %+v, want none", r)
	}
}

// What people here send walks what looks at content and is always, and what is for it.
func TestUsers(t *testing.T) {
	kind := func(name string, stage Stage, always, users bool) Kind {
		return Kind{
			Name: name, Stage: stage, Always: always, Users: users, Results: []Result{{Word: "yes", Effect: "spam"}},
			New: func(any) (Filter, error) { return probe(nil), nil },
		}
	}
	catalog := []Kind{kind("client", Mail, false, false), kind("words", Data, false, false), kind("viruses", Data, true, false), kind("documents", Data, false, true)}
	yes, no := true, false
	for _, c := range []struct {
		name string
		spec EntrySpec
		want bool
	}{
		{"always by its kind", EntrySpec{Filter: "viruses"}, true},
		{"not always by the entry", EntrySpec{Filter: "viruses", Always: &no}, false},
		{"always by the entry", EntrySpec{Filter: "words", Always: &yes}, true},
		{"for strangers", EntrySpec{Filter: "words"}, false},
		{"always, about the client", EntrySpec{Filter: "client", Always: &yes}, false},
		{"for users", EntrySpec{Filter: "documents"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			policies, problems := Compile(catalog, []Spec{{Name: "p", Required: 5, Entries: []EntrySpec{c.spec}}})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			got := policies["p"].Users
			if (got != nil) != c.want || got != nil && (len(got.Entries) != 1 || got.Required != 0) {
				t.Errorf("got %+v, want one entry and no score: %t", got, c.want)
			}
		})
	}
}
