package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// scanned returns "word@end" for all that the index finds, sorted.
func scanned(words []string, text string) []string {
	x := newIndex(words)
	var got []string
	for i := range len(text) {
		for _, word := range x.at(nil, []byte(text[i:])) {
			got = append(got, fmt.Sprintf("%d@%d", word, i+len(words[word])))
		}
	}
	slices.Sort(got)
	return got
}

// searched returns the same, found the slow way.
func searched(words []string, text string) []string {
	var want []string
	for i, w := range words {
		for end := len(w); end <= len(text); end++ {
			if text[end-len(w):end] == w {
				want = append(want, fmt.Sprintf("%d@%d", i, end))
			}
		}
	}
	slices.Sort(want)
	return want
}

func TestIndex(t *testing.T) {
	tests := []struct {
		name  string
		words []string
		text  string
	}{
		{"classic", []string{"he", "she", "his", "hers"}, "ushers and his"},
		{"nested", []string{"a", "aa", "aaa"}, "aaaa"},
		{"doubles", []string{"ab", "ab"}, "xab"},
		{"suffix chain", []string{"abcd", "bcd", "cd", "d"}, "abcd"},
		{"fails back", []string{"abac", "ba"}, "ababac"},
		{"other octets", []string{"é"}, "é\x00é"},
		{"none", nil, "abc"},
		{"of all lengths", []string{"a", "ab", "abc", "abcd", "abcdefg", "abcdefgh", "abcdefghi", "abcdefghijklmnop", "abcdefghijklmnopqrstuvwxyz0123456789"}, "xabcdefghijklmnopqrstuvwxyz0123456789abcdefgh"},
		{"a large bucket", strings.Fields("abcd abcda abcda abcdab abcdb abcdbc abcde abcdef abcdefg abcdeg abcdf abcdg abcdh"), "xabcdabcdefgabcdbcabcdzabcdab"},
		{"same beginning", []string{"abcdefgh1", "abcdefgh2", "abcdefgh", "abcdefgh12"}, "abcdefgh12 abcdefgh2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, want := scanned(tt.words, tt.text), searched(tt.words, tt.text); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func FuzzIndex(f *testing.F) {
	f.Add("he she his hers", "ushers")
	f.Add("a aa ab", "aabaab")
	f.Fuzz(func(t *testing.T, list, text string) {
		words := strings.Fields(list)
		if len(list) > 100 || len(text) > 200 {
			return
		}
		for i, w := range words {
			words[i] = strings.ToValidUTF8(w, "?")
		}
		if got, want := scanned(words, text), searched(words, text); !slices.Equal(got, want) {
			t.Errorf("%q in %q: got %v, want %v", words, text, got, want)
		}
	})
}
