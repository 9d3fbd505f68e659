package sieve

import "testing"

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
