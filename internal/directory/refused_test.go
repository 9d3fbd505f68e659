package directory

import (
	"strings"
	"testing"
	"time"
)

// wantSays checks that an entry is refused with a text, or taken where the text is "".
func wantSays(t *testing.T, what string, err error, says string) {
	t.Helper()
	switch {
	case says == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case says != "" && (err == nil || !strings.Contains(err.Error(), says)):
		t.Errorf("%s: got %v, want it to say %q", what, err, says)
	}
}

// A network that is half the world is a slip of the hand, in every list and scope.
func TestNetworksTooWideAreRefused(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		list        List
		value, says string
		scope       Scope
	}{
		"all":              {Block, "0.0.0.0/0", "0.0.0.0/0 is too wide; /8 is the widest", Global},
		"half of it":       {Block, "128.0.0.0/1", "/8 is the widest", Global},
		"almost":           {Block, "10.0.0.0/7", "/8 is the widest", Global},
		"the widest":       {Block, "10.0.0.0/8", "", Global},
		"all IPv6":         {Block, "::/0", "/16 is the widest", Global},
		"almost IPv6":      {Block, "2000::/15", "/16 is the widest", Global},
		"the widest IPv6":  {Block, "2001::/16", "", Global},
		"allowed":          {Allow, "0.0.0.0/0", "/8 is the widest", Global},
		"IPv4 in IPv6":     {Allow, "::ffff:0:0/96", "/8 is the widest", Global},
		"somebody's own":   {Block, "0.0.0.0/0", "/8 is the widest", Scope{MailboxScope, "ann@example.net"}},
		"an address alone": {Block, "0.0.0.0", "", Global},
	} {
		_, err := f.AddEntry(t.Context(), Entry{List: c.list, Value: c.value, Scope: c.scope})
		wantSays(t, name, err, c.says)
	}
}

// An asterisk matches nothing in a list, so who writes one is told what to write.
func TestPatternsAreRefused(t *testing.T) {
	f := newFixture(t)
	for value, says := range map[string]string{
		"*@foo.example":      "write foo.example for the domain, or .foo.example for what is below it",
		"*.foo.example":      "write foo.example for the domain, or .foo.example",
		"*@*.foo.example":    "write foo.example for the domain, or .foo.example",
		"news-*@foo.example": "write foo.example for the domain",
		"foo.*":              "write example.net for a domain",
		"192.0.2.*":          "192.0.2.0/24 for a network",
		"*":                  "write example.net for a domain",
		`"a*b"@foo.example`:  "",
	} {
		_, err := f.AddEntry(t.Context(), Entry{List: Allow, Value: value})
		wantSays(t, value, err, says)
	}
	if _, err := f.EnsureEntry(t.Context(), Entry{List: Allow, Value: "a*c@foo.example"}); err != nil {
		t.Errorf("an address that wrote to us: %v", err)
	}
}

// A trap is an address of ours: anywhere else nobody can step into it.
func TestTrapsElsewhereAreRefused(t *testing.T) {
	f := newFixture(t)
	f.domain(t, "b.parked.example")
	for value, says := range map[string]string{
		"trap@example.net":      "",
		"trap@other.example":    "other.example is no domain of ours",
		"other.example":         "other.example is no domain of ours",
		".other.example":        ".other.example is no domain of ours, nor has one below it",
		".parked.example":       "",
		"x@parked.example":      "parked.example is no domain of ours",
		"trap@b.parked.example": "",
	} {
		_, err := f.AddEntry(t.Context(), Entry{List: Trap, Value: value})
		wantSays(t, value, err, says)
	}
}

// What a command refuses an import refuses by its line, and entries that are over, too.
func TestImportTellsWhatIsRefused(t *testing.T) {
	f := newFixture(t)
	over := timeText(f.clock.now().Add(-time.Second))
	file := "list,value,expires\nblock,0.0.0.0/0,\nallow,*@foo.example,\ntrap,x@other.example,\nblock,x.example," + over + "\nblock,y.example," + timeText(f.clock.now().Add(time.Hour)) + "\n"
	for _, dry := range []bool{true, false} {
		done, err := f.ImportEntries(t.Context(), strings.NewReader(file), Import{DryRun: dry})
		if err != nil || done.Added != 1 || done.Failed != 4 || len(done.Faults) != 4 {
			t.Fatalf("got %+v, %v", done, err)
		}
		for i, says := range []string{"too wide", "write foo.example", "other.example is no domain of ours", "it was over on " + over} {
			if fault := done.Faults[i]; fault.Line != i+2 || !strings.Contains(fault.Text, says) {
				t.Errorf("got %+v, want line %d to say %q", fault, i+2, says)
			}
		}
	}
}
