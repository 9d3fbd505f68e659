package app

import (
	"slices"
	"strings"
	"testing"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
)

// What an entry does is told for the policies that it counts in.
func TestEntryEffects(t *testing.T) {
	a := openUnlimited(t)
	for _, d := range []ops.DomainAdd{{Name: "test.example"}, {Name: "early.example", Policy: "early-reject"}, {Name: "too.example"}} {
		if _, err := done[ops.Domain](t, a, d); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		add  ops.ListAdd
		want []string // what each sentence begins with
	}{
		"one domain":     {ops.ListAdd{List: "allow", Value: "x.example", Scope: "test.example"}, []string{"policy default: sender-allow asks for it, unless decided before by gate ip-ban, gate early-talker, gate rate; it spares auto-allow, spf, "}},
		"all":            {ops.ListAdd{List: "block", Value: "192.0.2.0/24"}, []string{"policy default: ip-block asks for it, unless decided before by gate ip-ban, gate early-talker, gate rate, ip-allow, sender-allow, ", "policy early-reject: ip-block asks for it, unless"}},
		"allowed author": {ops.ListAdd{List: "allow", Value: "x.example", Author: true, Scope: "early.example"}, []string{"policy early-reject: author-allow asks for it, unless decided before by gate ip-ban, gate early-talker, gate rate, greylist, spf"}},
	} {
		e, err := done[ops.Entry](t, a, c.add)
		if err != nil || len(e.Effects) != len(c.want) {
			t.Errorf("%s: got %q, %v", name, e.Effects, err)
			continue
		}
		for i, want := range c.want {
			if !strings.HasPrefix(e.Effects[i], want) {
				t.Errorf("%s: got %q, want it to begin with %q", name, e.Effects[i], want)
			}
		}
		if shown, err := done[ops.Entry](t, a, ops.ListShow{ID: e.ID}); err != nil || !slices.Equal(shown.Effects, e.Effects) {
			t.Errorf("%s: shown: got %q, %v", name, shown.Effects, err)
		}
	}
}

// Lists go out and come in through requests, a page at a time, and are found.
func TestListFiles(t *testing.T) {
	a := openUnlimited(t)
	var lines strings.Builder
	for i := range directory.MaxPage {
		lines.WriteString("block," + strings.Repeat("x", 1+i%60) + string(rune('a'+i/60)) + ".example\n")
	}
	lines.WriteString("allow,ann@x.example from 192.0.2.0/24\nallow,\n")
	got, err := done[ops.ListImported](t, a, ops.ListImport{CSV: lines.String(), Head: "list,value", After: 1})
	if err != nil || got.Added != directory.MaxPage+1 || len(got.Faults) != 1 || got.Faults[0].Line != directory.MaxPage+3 {
		t.Fatalf("import: got %+v, %v", got, err)
	}
	_, err = done[ops.ListImported](t, a, ops.ListImport{CSV: "allow\n", Head: "list"})
	wantKind(t, "without a value", err, control.Misuse)
	all, err := done[ops.ListFile](t, a, ops.ListExport{})
	if err != nil || strings.Count(all.CSV, "\n") != directory.MaxPage+2 || !strings.HasPrefix(all.CSV, "list,kind,value,") || all.Next != 0 {
		t.Fatalf("export: got %d lines, next %d, %v", strings.Count(all.CSV, "\n"), all.Next, err)
	}
	entries, err := a.directory.Entries(t.Context(), directory.EntryQuery{Limit: directory.MaxPage})
	if err != nil {
		t.Fatal(err)
	}
	rest, err := done[ops.ListFile](t, a, ops.ListExport{After: entries[len(entries)-1].ID})
	if err != nil || !strings.HasPrefix(rest.CSV, "allow,address-from,ann@x.example from 192.0.2.0/24,global,import,") || rest.Next != 0 {
		t.Errorf("the rest: got %+v, %v", rest, err)
	}
	for name, c := range map[string]struct {
		q    ops.ListList
		want int
	}{
		"a part": {ops.ListList{Part: "X.exa"}, 1}, "origin": {ops.ListList{Origin: "import", Limit: 7}, 7}, "of a domain": {ops.ListList{Domain: "test.example"}, 0},
		"kind": {ops.ListList{Kind: "address-from"}, 1},
	} {
		if found, err := done[[]ops.Entry](t, a, c.q); err != nil || len(found) != c.want {
			t.Errorf("%s: got %d, %v; want %d", name, len(found), err, c.want)
		}
	}
}
