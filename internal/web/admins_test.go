package web

import (
	"slices"
	"testing"

	"gatepost/internal/access"
)

// Each right that can be chosen is in one group, with its words in each language.
func TestRightGroups(t *testing.T) {
	words, err := loadWords() // compares the languages
	if err != nil {
		t.Fatal(err)
	}
	var got []access.Action
	for _, g := range rightGroups() {
		for _, right := range g.Rights {
			got = append(got, right)
			if least := g.Least(right); !words.Has("admins.right."+string(right)) || !words.Has("admins.group."+g.Name) || least != access.Reader && !words.Has("admins.least."+string(least)) {
				t.Errorf("%s, %s, %s has no words", g.Name, right, least)
			}
		}
	}
	if slices.Sort(got); !slices.Equal(got, access.Rights(access.Admin)) {
		t.Errorf("got %q\nwant %q", got, access.Rights(access.Admin))
	}
}
