package mailbox

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseFlags(t *testing.T) {
	many := make([]string, MaxKeywords+1)
	for i := range many {
		many[i] = "k" + string(rune('a'+i/26)) + string(rune('a'+i%26))
	}
	tests := map[string]struct {
		names []string
		want  string // "" and false: refused
		ok    bool
	}{
		"none":                 {nil, "", true},
		"any case, any order":  {[]string{"$b", `\DRAFT`, "$A", `\seen`}, `\Seen \Draft $A $b`, true},
		"twice":                {[]string{"$Junk", "$junk", `\Seen`, `\Seen`}, `\Seen $Junk`, true},
		"recent is passed":     {[]string{`\Recent`, "x"}, "x", true},
		"unknown system flag":  {[]string{`\Odd`}, "", false},
		"no atom":              {[]string{"a b"}, "", false},
		"8 bit":                {[]string{"é"}, "", false},
		"empty":                {[]string{""}, "", false},
		"too long":             {[]string{strings.Repeat("x", MaxKeyword+1)}, "", false},
		"as long as can be":    {[]string{strings.Repeat("x", MaxKeyword)}, strings.Repeat("x", MaxKeyword), true},
		"too many":             {many, "", false},
		"as many as there may": {many[1:], strings.Join(many[1:], " "), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := ParseFlags(test.names)
			if (err == nil) != test.ok || err != nil && !errors.Is(err, ErrFlag) {
				t.Fatalf("error %v", err)
			}
			if got := string(f.Append(nil)); test.ok && got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if got := strings.Join(f.Names(), " "); test.ok && got != test.want {
				t.Errorf("names: got %q, want %q", got, test.want)
			}
		})
	}
}

func TestFlagChange(t *testing.T) {
	parse := func(s string) Flags {
		f, err := ParseFlags(strings.Fields(s))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	tests := []struct {
		old  string
		how  How
		with string
		want string
	}{
		{`\Seen $a`, Add, `\Flagged $B $A`, `\Seen \Flagged $a $B`},
		{`\Seen \Flagged $a $b`, Remove, `\Seen $B $c`, `\Flagged $a`},
		{`\Seen $a`, Replace, `\Draft`, `\Draft`},
		{``, Remove, `\Seen $a`, ``},
	}
	for _, test := range tests {
		got, err := FlagChange{How: test.how, Flags: parse(test.with)}.Apply(parse(test.old))
		if want := parse(test.want); err != nil || got != want {
			t.Errorf("%q, %d, %q: got %q, %v, want %q", test.old, test.how, test.with, got.Names(), err, want.Names())
		}
	}
}

func TestCleanName(t *testing.T) {
	tests := map[string]string{ // "" is refused
		"a": "a", "inbox": "INBOX", "InBox/x": "INBOX/x", "a/inbox": "a/inbox", "inboxes": "inboxes", "e\u0301": "é",
		"": "", "/": "", "a/": "", "/a": "", "a//b": "", "a*": "", "a%b": "", "a\nb": "", "a\x7fb": "", "\xff": "", `\Junk`: "",
		strings.Repeat("a", MaxName): strings.Repeat("a", MaxName), strings.Repeat("a", MaxName+1): "",
		strings.Repeat("a/", MaxDepth-1) + "a": strings.Repeat("a/", MaxDepth-1) + "a", strings.Repeat("a/", MaxDepth) + "a": "",
	}
	for name, want := range tests {
		got, err := CleanName(name)
		if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, ErrFolderName) {
			t.Errorf("%.60q: got %.60q, %v, want %.60q", name, got, err, want)
		}
	}
}

func TestParents(t *testing.T) {
	if got := Parents("a/b/c"); !slices.Equal(got, []string{"a", "a/b"}) {
		t.Errorf("got %q", got)
	}
}

func TestUIDSet(t *testing.T) {
	var s UIDSet
	for _, u := range []UID{1, 2, 3, 7, 9, 10} {
		s = s.Add(u)
	}
	if s.String() != "1:3,7,9:10" || s.Count() != 6 {
		t.Errorf("got %s, %d", s, s.Count())
	}
	for u := UID(0); u < 12; u++ {
		if got, want := s.Contains(u), slices.Contains([]UID{1, 2, 3, 7, 9, 10}, u); got != want {
			t.Errorf("contains %d: got %v", u, got)
		}
	}
}

func TestChanges(t *testing.T) {
	var c Changes
	c.Notify(1) // nobody listens
	one, stop := c.Watch(1)
	other, _ := c.Watch(2)
	c.Notify(1)
	c.Notify(1) // does not wait
	<-one
	if len(one) != 0 || len(other) != 0 {
		t.Errorf("hints left: %d, %d", len(one), len(other))
	}
	stop()
	c.Notify(1)
	if len(one) != 0 || len(c.watchers) != 1 {
		t.Errorf("after the end: %d hints, %d boxes", len(one), len(c.watchers))
	}
}
