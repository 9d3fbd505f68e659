package pipeline

import (
	"fmt"
	"slices"
)

// Suggest names the known word that was probably meant: `; did you mean "dnsbl"?`,
// or nothing where none is near.
func Suggest(word string, known []string) string {
	if len(word) > 64 {
		return ""
	}
	best, at := "", len(word)/2+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := distance(word, k); d < at {
			best, at = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is the edit distance of Levenshtein between two short words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
