// Package bayes tells spam from ham by what a site's own mail was. It is a classifier that
// learns while it works: each message that a person, a trap or a report has judged is one
// lesson, learnt in place, that can be taken back exactly.
//
//	f, err := bayes.Of(message)
//	verdict := model.Judge(f, "example.org")
//	step := model.Learn(f, "example.org", true) // it was spam
//	model.Undo(f, "example.org", step)          // it wasn't
//
// Seven learners look at the same message, each at one family of its features, and their scores are added:
// logistic regressions over the 4-grams of the header's fields, over the shapes of the header (which
// fields in which order, what their values look like), over the 4-grams of the text, and over its words; and
// log-odds of the header's words, of its shapes, and of the text's words. How the text is made, and where its links
// lead, is among its words and 4-grams. Each score is divided by the root of the number of features: what is many in a
// message does not drown what is few. Counts lead in the first hundred lessons, regressions later, and each goes its
// own way: all are trained on their own errors.
//
// What they know is integers in tables of a fixed size, found by hashes. A lesson adds the same
// few numbers to the entries of its features, so that lessons commute: taking one back, and
// adding what other nodes learnt, are exact. Every learner has a second layer for each domain in
// the same tables, for the exceptions: it learns what everybody's layer is not sure of, and its word counts the
// more, the more it learnt.
//
// What was taken from whom:
//
//   - Logistic regression, on-line, over octets' 4-grams, training only where the error is not small: Goodman and Yih,
//     "Online Discriminative Spam Filter Training" (CEAS 2006); Sculley and Wachman, "Relaxed Online SVMs" (SIGIR 2007) for
//     4-grams and the first few thousand octets being enough; Cormack, "University of Waterloo Participation in the TREC 2007 Spam Track".
//   - Weights that were changed often count less, as in confidence-weighted learning: Dredze, Crammer and Pereira (ICML 2008).
//     Here they count by the fourth root of how often, which needs no more than a number that lessons add to.
//   - Log-odds of words with a prior, those that mean little left out: Robinson, "A Statistical Approach to the Spam
//     Problem" (Linux Journal 2003).
//   - Counts trained to a thick threshold, and how much is believed of what was seldom seen: Siefkes, Assis, Chhabra and Yerazunis, "Combining Winnow
//     and Orthogonal Sparse Bigrams" (PKDD 2004); Assis, "OSBF-Lua" (TREC 2006). Their sparse pairs
//     of words were tried, and left out: beside 4-grams, words and shapes they told nothing more.
//   - Many filters' scores, added: Lynam and Cormack, "On-line Spam Filter Fusion" (SIGIR 2006).
//   - A layer of features for each domain beside everybody's, hashed into the same table: Daumé, "Frustratingly Easy Domain Adaptation"
//     (ACL 2007); Weinberger and others, "Feature Hashing for Large Scale Multitask Learning" (ICML 2009).
//
// The package is pure: no files, no clock, no rows. It does not decide whose lessons count.
package bayes
