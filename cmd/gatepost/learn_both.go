package main

import (
	"errors"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
	"gatepost/internal/corpus"
)

func (p *program) learnBoth() *cobra.Command {
	var add ops.LearnAdd
	var spam, ham []string
	c := &cobra.Command{
		Use:   "both --spam PATH --ham PATH",
		Short: "Teach with spam and ham in files, by turns",
		Long: `Teaches what spam and ham teach, by turns, so that both end together. The statistical filter learns better so than by much of one
kind after much of the other: begin an empty model with it. Files are read twice, once to count messages.`,
		Example: "  gatepost learn both --spam old.mbox --spam Maildir/.Junk --ham Maildir/cur --domain example.org",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l := learning{p: p, cmd: cmd, request: add, done: ops.LearnDone{Faults: []string{}}}
			return l.report("spam and ham", l.both(spam, ham))
		},
	}
	c.Flags().StringArrayVar(&spam, "spam", nil, "what is spam: a file or directory (`path`); repeatable")
	c.Flags().StringArrayVar(&ham, "ham", nil, "what is wanted (`path`); repeatable")
	learnFlags(c, &add)
	require(c, "spam", "ham")
	return c
}

// both sends the messages of two lists by turns, in proportion to how many there are.
func (l *learning) both(spam, ham []string) error {
	spams, hams := count(spam), count(ham)
	next := [2]func() (corpus.Item, error, bool){}
	for i, list := range [][]string{spam, ham} {
		pull, stop := iter.Pull2(walkAll(list))
		defer stop()
		next[i] = pull
	}
	for at, given := 0, [2]int{}; ; {
		// The one that is behind its share is next; what can't be counted comes at the end.
		if at = 0; given[0]*hams > given[1]*spams {
			at = 1
		}
		item, err, ok := next[at]()
		if !ok {
			at = 1 - at
			if item, err, ok = next[at](); !ok {
				return l.batch.flush(l.send)
			}
		}
		given[at]++
		if err := l.take(item, []string{"spam", "ham"}[at], err); err != nil {
			return err
		}
	}
}

// walkAll goes through all messages in some files and directories.
func walkAll(paths []string) iter.Seq2[corpus.Item, error] {
	return func(yield func(corpus.Item, error) bool) {
		for _, path := range paths {
			for item, err := range corpus.Walk(path) {
				if !yield(item, err) {
					return
				}
			}
		}
	}
}

func count(paths []string) (n int) {
	for range walkAll(paths) {
		n++
	}
	return n
}

// take adds a message to what is sent; says is what it is taken for, "" what the request says. failed is why it can't be read.
func (l *learning) take(item corpus.Item, says string, failed error) error {
	if failed != nil {
		l.fault(failed.Error())
		return nil
	}
	before := l.done.Learnt
	err := l.batch.add(ops.LearnMessage{Name: item.Name, Content: item.Content, Says: says}, l.send)
	if err == nil && !l.p.json && l.done.Learnt > before {
		fmt.Fprintf(l.p.errs, "so far: %s\n", l.sum())
	}
	return err
}

// report prints what was done; err is what ended it.
func (l *learning) report(word string, err error) error {
	if err != nil && l.done.Learnt+l.done.Failed == 0 {
		return err
	}
	if l.done.Failed > 0 && err == nil {
		err = fmt.Errorf("%d not learnt", l.done.Failed)
	}
	return errors.Join(l.p.print(l.done, func() {
		for _, f := range l.done.Faults {
			l.p.say("not learnt: %s", printable(f))
		}
		if more := l.done.Failed - len(l.done.Faults); more > 0 {
			l.p.say("not learnt: %d more", more)
		}
		l.p.say("learnt as %s: %s", word, l.sum())
	}), err)
}

// learnFlags are those of all that teach with files.
func learnFlags(c *cobra.Command, add *ops.LearnAdd) {
	c.Flags().StringVar(&add.Domain, "domain", "", "as mail for this domain (`name`), whose own part of the statistical filter learns, too")
	c.Flags().BoolVar(&add.Force, "force", false, "the statistical filter learns it though its guard would not")
}
