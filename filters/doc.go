// Package filters holds every filter, one to a file, and the catalogue of them.
//
// A filter looks at a transaction and says what it sees; it knows nothing of
// policy. To add one, write one file, named after it, with a type whose comment is
// the filter's paragraph in docs/filters.md, its options, and a function that
// returns its pipeline.Kind; add that to Catalog; put cases under testdata/NAME.
// Then run `go generate ./filters`, which makes docs_gen.go and docs/filters.md of
// the comments, settings and results.
//
// What several filters want to know of a message (SPF, DKIM, the client's name) is
// a fact, in a file fact_*.go: found out once, when first asked for. No filter
// uses another filter's file.
//
// An error from the DNS or from anything else outside is never read as "clean" nor
// as "listed": the filter answers temperror, by that result or by an error.
package filters

//go:generate go test -run ^TestDocs$ -update .
