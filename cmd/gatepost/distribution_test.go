package main

import (
	"slices"
	"strings"
	"testing"
)

// Whatever a file of members has, each is one word of a line, and reading them again
// gives the same.
func FuzzReadMembers(f *testing.F) {
	for _, s := range []string{"a#b@c\na@b\nc@d # x\r\n\n#\n", " a@b ", "\"a#b\"@c", strings.Repeat("x", 70_000), "\x00\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		members, err := readMembers(strings.NewReader(s))
		if err != nil {
			return
		}
		for _, m := range members {
			if m == "" || m != strings.TrimSpace(m) || strings.Contains(m, "\n") || m[0] == '#' {
				t.Errorf("member %q", m)
			}
		}
		again, err := readMembers(strings.NewReader(strings.Join(members, "\n")))
		if err != nil || !slices.Equal(again, members) {
			t.Errorf("%q becomes %q, %v", members, again, err)
		}
	})
}

func TestReadMembers(t *testing.T) {
	got, err := readMembers(strings.NewReader("# head\n\nann@example.org\r\n  a#b@example.org\t# odd\n#bob@example.org\n"))
	if want := []string{"ann@example.org", "a#b@example.org"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestTooManyMembers(t *testing.T) {
	if _, err := readMembers(strings.NewReader(strings.Repeat("a@example.org\n", maxMembersFile/10))); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("got %v", err)
	}
}
