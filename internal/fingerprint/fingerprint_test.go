package fingerprint

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// text makes a text of n words.
func text(seed, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "word%s%s ", string(rune('a'+(i*7+seed)%26)), string(rune('a'+(i*i+seed)%23)))
	}
	return b.String()
}

func TestFind(t *testing.T) {
	var m Memory
	doc, other := Of("Here.example", "a", text(1, 400)), Of("", "b", text(5, 400))
	doc.ID, other.ID = 1, 2
	m.Set([]Document{doc, other})
	half := text(1, 400)[:len(text(1, 400))/2]
	for name, tt := range map[string]struct {
		domain, text string
		want         string
	}{
		"all of it":               {"here.example", text(1, 400), "[1 100%]"},
		"in another case":         {"here.example", strings.ToUpper(text(1, 400)), "[1 100%]"},
		"of another domain":       {"there.example", text(1, 400), "[]"},
		"everybody's":             {"there.example", text(5, 400), "[2 100%]"},
		"something else":          {"here.example", text(3, 20), "[]"},
		"nothing":                 {"here.example", "", "[]"},
		"both, the greater first": {"here.example", text(5, 400) + half, "[2 100% 1 half]"},
	} {
		var got []string
		for _, match := range m.Find(tt.domain, Shingles(tt.text)) {
			share := fmt.Sprintf("%.0f%%", 100*match.Share)
			if match.Share > 0.3 && match.Share < 0.9 {
				share = "half"
			}
			if match.Share > 0.05 {
				got = append(got, fmt.Sprint(match.Document.ID, " ", share))
			}
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%s: got %v, want %s", name, got, tt.want)
		}
	}
}

type rows struct {
	Rows
	docs  []Document
	loads []bool
	err   error
}

func (r *rows) Load(_ context.Context, shingles bool) ([]Document, error) {
	r.loads = append(r.loads, shingles)
	return r.docs, r.err
}

// What is known is not read again.
func TestFollow(t *testing.T) {
	var m Memory
	r := &rows{docs: []Document{{ID: 1}}}
	for range 2 {
		if err := m.Follow(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if fmt.Sprint(r.loads) != "[false true false]" || m.Len() != 1 {
		t.Errorf("loads %v, %d documents", r.loads, m.Len())
	}
	if r.err = errors.New("away"); !errors.Is(m.Follow(t.Context(), r), r.err) {
		t.Error("no error")
	}
}
