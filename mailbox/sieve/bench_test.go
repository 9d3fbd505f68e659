package sieve

import (
	"fmt"
	"strings"
	"testing"
)

func BenchmarkRun(b *testing.B) {
	s, err := Compile(all() + `if header :contains "list-id" ["dev", "users"] { fileinto "Lists"; }
		elsif address :domain "from" ["example.com", "example.net"] { fileinto "Work"; }
		elsif header :matches "subject" "[*] *" { fileinto "Club.${1}"; }`)
	if err != nil {
		b.Fatal(err)
	}
	e := env(letter)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Run(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBody looks for fifty words in a text of 256 KiB.
func BenchmarkBody(b *testing.B) {
	words := make([]string, 50)
	for i := range words {
		words[i] = fmt.Sprintf("%q", fmt.Sprintf("word %d", i))
	}
	s, err := Compile(all() + "if body :contains [" + strings.Join(words, ",") + "] { stop; }")
	if err != nil {
		b.Fatal(err)
	}
	e := env("Subject: x\n\n" + strings.Repeat("Nothing of all this is in here.\n", 8<<10))
	for b.Loop() {
		if _, err := s.Run(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}
