// Package bayes tells spam from ham by what a site's own mail was. It is a classifier that
// learns while it works: each message that a person, a trap or a report has judged is one
// lesson, learnt in place, that can be taken back exactly.
//
//	f, err := bayes.Of(message)
//	verdict := model.Judge(f, "example.org")
//	step := model.Learn(f, "example.org", true) // it was spam
//	model.Undo(f, "example.org", step)          // it wasn't
//
// Six learners look at the same message, each at one family of its features, and their scores are added:
// logistic regressions over the 4-grams of the header's fields, over those of the text, and
// over shapes (how the message is made and where it leads); and log-odds of the header's words,
// the text's and the shapes. What is many in a message does not drown what is few, and who leads
// after ten lessons is another than who leads after ten thousand.
//
// What they know is integers in tables of a fixed size, found by hashes. A lesson adds the same
// few numbers to the entries of its features, so that lessons commute: taking one back, and
// adding what other nodes learnt, are exact. Every learner has a second layer for each domain in
// the same tables, whose word counts the more, the more lessons it had.
//
// The package is pure: no files, no clock, no rows. It does not decide whose lessons count.
package bayes
