package systemd

import (
	"slices"
	"strings"
	"testing"
)

func TestGiven(t *testing.T) {
	for _, c := range []struct {
		name, pid, count, names string
		want                    string // "-": an error
	}{
		{"nothing", "", "", "", ""},
		{"another process's", "8", "2", "a:b", ""},
		{"named", "7", "3", "smtp:imap:web", "smtp imap web"},
		{"some named", "7", "3", "smtp:", "smtp unknown unknown"},
		{"too many names", "7", "1", "smtp:imap", "smtp"},
		{"none", "7", "0", "", ""},
		{"no number", "7", "two", "", "-"},
		{"negative", "7", "-1", "", "-"},
		{"too many", "7", "1000000", "", "-"},
	} {
		got, err := given(c.pid, c.count, c.names, 7)
		if (err != nil) != (c.want == "-") || err == nil && strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}

func FuzzGiven(f *testing.F) {
	f.Add("7", "2", "smtp:imap")
	f.Fuzz(func(t *testing.T, pid, count, names string) {
		list, err := given(pid, count, names, 7)
		if len(list) > maxSockets || err != nil && list != nil || slices.Contains(list, "") {
			t.Errorf("%d sockets, %v", len(list), err)
		}
	})
}
