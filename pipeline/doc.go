// Package pipeline is the flow: a transaction grows as the client speaks,
// filters look at it and say what they see (a Finding), a Policy, the admin's
// ordered list, maps findings to effects, and each recipient's Walk goes down
// that list over findings that all walks share.
//
// The list's order is law. Speed comes from reading ahead: entries that may wait for
// the network are started together, each once those before it wait, and judged in list order, so that a batched
// walk ends exactly as one that asks entry by entry would (walk_test.go holds the
// two against each other).
//
// The package changes nothing in the world but through Recorders: it delivers no
// mail and writes no reply. Settle turns decisions into outcomes and one answer;
// intake acts on them.
package pipeline
