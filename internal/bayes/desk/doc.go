// Package desk keeps a site's Bayes model: it takes lessons, shares what they taught among nodes, and guards
// the model against those who would have it learn the wrong thing.
//
//	d := desk.New(desk.Config{Rows: store.Bayes(), Contents: contents})
//	go d.Run(ctx)
//	taught, err := d.Teach(ctx, desk.Lesson{Message: id, Features: f, Domain: "example.org", Spam: true, Source: desk.Junk, Person: "ann@example.org"})
//	verdict := d.Judge(f, "example.org") // memory only
//
// # The log
//
// The truth is a log of entries in rows. An entry has what one batch of lessons changed in the model, and the
// lessons themselves. It is appended only behind the one that its node knew as the last: so each
// batch is learnt on top of all that came before it on any node, and where another node was faster the batch is taken
// back and learnt again. Models are integers that are added up, so all nodes have the same, cell by cell; a campaign
// that reaches many nodes at once teaches what it would have taught one; and whatever a lesson added is
// in its row, and can be taken off again by any node, exactly.
//
// From time to time the whole model is kept as a snapshot, and entries before it go. The first snapshot of
// each day is kept for KeepDays: RollBack returns to it. It is an entry of the log too, so lessons are not changed by it:
// which of them count is told by the way that the log took (Path).
//
// # The guard
//
// Learning is idempotent (one person has one opinion of one message, the last one), capped by person, domain, source
// and day, and balanced: of the kind that was learnt far more often, only what the model did not know already is
// learnt. Nothing that a filter concluded is a lesson: sources are people, traps, virus scanners and operators.
//
// Some of the ham that was learnt, and of the spam, is kept as features (Samples), few of one person and of one domain. It is judged after
// each batch; a batch by which more of it would be lost than a small share is taken back and refused, and
// so is each after it that loses one more, until a week has gone by (field note 8). An operator may overrule it.
//
// # The record
//
// Each lesson about a message is judged before it is learnt, and counted by day, label and score. That is
// the site's own test: Earned says whether few enough ham would have been lost for Bayes to be decisive.
package desk
