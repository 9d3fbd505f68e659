package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/internal/bayes"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/learnt"
)

// bayesMail is one of many messages that are spam, or ham.
func bayesMail(spam bool, n int) []byte {
	text := "minutes of the meeting about the budget of the project"
	if spam {
		text = "cheap pills and watches for winners of the lottery"
	}
	return fmt.Appendf(nil, "From: a%d@far.example\r\nTo: ann@test.example\r\nSubject: %s\r\n\r\n%s, number %d, as of %d\r\n", n%5, strings.Fields(text)[n%4], text, n, n*7919%1000)
}

// teachBayes teaches so many messages of each kind, by turns.
func (n *pagesNode) teachBayes(first, count int) {
	n.t.Helper()
	add := ops.LearnAdd{Domain: "test.example", Force: true} // so few, and so alike, are no site
	for i := range count {
		for says, spam := range map[string]bool{"spam": true, "ham": false} {
			add.Messages = append(add.Messages, ops.LearnMessage{Name: fmt.Sprint(says, i), Content: bayesMail(spam, first+i), Says: says})
		}
	}
	done, err := n.learnMessages(n.t.Context(), add)
	n.must(err)
	if done.Learnt != 2*count {
		n.t.Fatalf("learnt %+v", done)
	}
}

// What is shown of Bayes: what it lacks, by what it learnt, how it did, and why a message is judged as it is. A way back leads to the
// snapshot of a day.
func TestBayesOperations(t *testing.T) {
	n := openPages(t)
	show := func() ops.Bayes {
		t.Helper()
		b, err := n.showBayes(t.Context(), ops.BayesShow{})
		n.must(err)
		return b
	}
	if b := show(); b.Trained || b.Needed != bayes.Enough || len(b.Lessons) != 0 || len(b.Record.Levels) != bayes.Levels || b.Record.NeedHam != 1000 {
		t.Errorf("at first: %+v", b)
	}
	n.teachBayes(0, bayes.Enough/2)
	n.must(n.bayes.Compact(t.Context()))
	n.teachBayes(bayes.Enough/2, bayes.Enough)
	b := show()
	if !b.Trained || b.Spam != bayes.Enough*3/2 || b.Ham != b.Spam || len(b.Lessons) != 2 || b.Record.Ham == 0 {
		t.Errorf("trained: %+v", b)
	}
	for _, l := range b.Record.Levels {
		if l.Earned || l.Score != bayes.LevelScore(l.Level) {
			t.Errorf("after %d ham: %+v", b.Record.Ham, l)
		}
	}
	spam, err := n.explainBayes(t.Context(), ops.BayesExplain{Message: bayesMail(true, 5000), Domain: "Test.example"})
	n.must(err)
	ham, err := n.explainBayes(t.Context(), ops.BayesExplain{Message: bayesMail(false, 5000), Domain: "Test.example"})
	n.must(err)
	if !spam.Trained || spam.Score < 7.5 || len(spam.Levels) < 4 || spam.Features[0].Weight <= 0 || ham.Score >= 7.5 || len(ham.Features) == 0 || ham.Features[0].Weight >= 0 {
		t.Errorf("explained: spam %+v\nham %+v", spam, ham)
	}
	list, err := n.bayesSnapshots(t.Context(), ops.BayesSnapshots{})
	n.must(err)
	if len(list) != 1 || list[0].Octets == 0 {
		t.Fatalf("snapshots: %+v", list)
	}
	today := time.Now().UTC().Format(time.DateOnly) // when it began nothing was known
	for day, kind := range map[string]control.Kind{"yesterday": control.Misuse, "2001-01-01": control.Missing, today: control.Missing} {
		if _, err := n.rollBayesBack(t.Context(), ops.BayesRollBack{Day: day}); control.KindOf(err) != kind {
			t.Errorf("%s: %v", day, err)
		}
	}
	tomorrow := time.Now().UTC().Add(24 * time.Hour).Format(time.DateOnly) // before which is all there is
	rolled, err := n.rollBayesBack(t.Context(), ops.BayesRollBack{Day: tomorrow})
	n.must(err)
	if rolled.Spam < bayes.Enough/2 || rolled.Ham < bayes.Enough/2 || show().Spam != rolled.Spam {
		t.Errorf("rolled back: %+v, %+v", rolled, show())
	}
	lessons, err := n.listBayesLessons(t.Context(), ops.BayesLessons{Page: ops.Page{Limit: 1}})
	n.must(err)
	if len(lessons) != 1 || lessons[0].Counts || lessons[0].Domain != "test.example" {
		t.Errorf("the last lesson, which counts no more: %+v", lessons)
	}
	if _, err := n.learnMessages(t.Context(), ops.LearnAdd{Messages: []ops.LearnMessage{{Says: "maybe"}}}); control.KindOf(err) != control.Misuse {
		t.Errorf("what is neither: %v", err)
	}
	for _, q := range []ops.BayesLessons{{Source: "rumour"}, {State: "odd"}, {Page: ops.Page{After: "x"}}} {
		if _, err := n.listBayesLessons(t.Context(), q); control.KindOf(err) != control.Misuse {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// What the guard refuses of an operator's files teaches nothing at all: no marks stand by which its copies would be called spam; with force
// all of it is learnt.
func TestRefusedFilesLeaveNoMarks(t *testing.T) {
	n := openPages(t)
	n.teachBayes(0, 200)
	n.must2(n.learnMessages(t.Context(), ops.LearnAdd{Messages: []ops.LearnMessage{{Content: bayesMail(false, 300)}}})) // with this its first day begins
	n.now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	wrong := ops.LearnAdd{Spam: true}
	for i := range 200 {
		wrong.Messages = append(wrong.Messages, ops.LearnMessage{Name: fmt.Sprint("wrong", i), Content: bayesMail(false, 1000+i)})
	}
	marks := func() (count int) {
		for _, m := range wrong.Messages {
			list, err := n.learnt.Find(t.Context(), learnt.Query{Message: fileID(m.Content)})
			n.must(err)
			count += len(list)
		}
		return count
	}
	done, err := n.learnMessages(t.Context(), wrong)
	n.must(err)
	if done.Failed == 0 || done.Failed+done.Learnt != len(wrong.Messages) || !strings.Contains(done.Faults[0], "nothing was learnt of it") {
		t.Fatalf("ham taught as spam: %+v", done)
	}
	if got := marks(); got != done.Learnt {
		t.Errorf("%d lessons left marks, %d were learnt", got, done.Learnt)
	}
	wrong.Force = true
	done, err = n.learnMessages(t.Context(), wrong)
	n.must(err)
	if got := marks(); done.Learnt != len(wrong.Messages) || got != done.Learnt {
		t.Errorf("forced: %+v, %d with marks", done, got)
	}
}
