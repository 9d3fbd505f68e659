package rules

import (
	"strings"
	"testing"
)

const examplePack = `# what follows is a comment
title Fake invoices
version 2026-11-26
word 3 text cheap pills

word 1.5 subject,header:list-id bulk offer
regexp 2 body \bfree.{0,20}offer\b
rule late-invoice 2.5 subject contains "invoice" and
   any(attachments, .name ends_with ".zip")
rule known-bad spam finding("spf") == "fail" and score > 3
`

func TestPack(t *testing.T) {
	p, err := ParsePack(examplePack)
	if err != nil {
		t.Fatal(err)
	}
	if p.Title != "Fake invoices" || p.Version != "2026-11-26" || p.Set.Len() != 3 || len(p.Rules) != 2 {
		t.Errorf("got %+v", p)
	}
	if a, b := p.Rules[0], p.Rules[1]; a.Name != "late-invoice" || a.Score != 2.5 || a.Then != "" || b.Then != "spam" || b.Score != 0 {
		t.Errorf("got rules %+v %+v", a, b)
	}
	hits, _ := p.Set.Match(New(func(w Where) []string {
		return map[Where][]string{Subject: {"cheap pills"}, Header("List-Id"): {"A bulk offer"}, Body: {"a free special offer"}}[w]
	}))
	if Score(hits) != 6.5 {
		t.Errorf("got %+v", hits)
	}
	if empty, err := ParsePack(""); err != nil || empty.Set.Len() != 0 {
		t.Errorf("an empty pack: %v", err)
	}
}

func TestPackErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"unknown line", "word 1 text a\nwrd 1 text b", `2:1: a line begins with word, regexp, rule, title, version or #, not "wrd"`},
		{"weight", "\nword much text a", `2: "much" is not a number of points between -1000 and 1000`},
		{"infinite", "word inf text a", `1: "inf" is not a number of points`},
		{"part", "word 1 subject,bdy a", `1: rules: no part of a message is called "bdy"`},
		{"nothing", "word 1 text", `1: nothing to look for`},
		{"expression", "word 1 text a\nregexp 1 text a(", "2: error parsing regexp: missing closing ): `a(`"},
		{"two", "regexp 1 text a(\n\nregexp 1 text b(", "3: error parsing regexp: missing closing ): `b(`"},
		{"effect", "rule x spma size > 1", `1: rule "x": "spma" is neither a number of points nor one of tag, junk, spam`},
		{"condition", "rule x spam size > 1 and sze > 2", "1:26: rule x: unknown name sze"},
		{"condition that goes on", "# x\nrule x spam size > 1 and\n  sze > 2\nword 1 text a", "3:3: rule x: unknown name sze"},
		{"no condition", "rule x spam", "1:12: rule x: is empty"},
		{"goes on from nothing", "word 1 text a\n  b", `2:1: a line begins with`},
		{"utf-8", "word 1 text \xff", "1: not UTF-8"},
		{"a rule without an end", "rule x spam size > 1" + strings.Repeat("\n x", 1<<20), "rule x: longer than 4000 octets"},
		{"long", strings.Repeat("#", MaxPack+1), "1: longer than"},
	} {
		if _, err := ParsePack(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

func FuzzPack(f *testing.F) {
	f.Add(examplePack)
	f.Add("rule x 1 size > 1\n and score < 2\n\nword -1 raw \u200bx")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePack(text)
		if (err == nil) != (p != nil) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
