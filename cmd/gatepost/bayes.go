package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) bayes() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "bayes",
		Short: "What the statistical filter has learnt, and how it did here",
		Long: `Shows whether the filter bayes judges mail yet, by what it was taught, and its own record on this site: each message
that somebody calls spam or ham is judged before it is learnt, and counted. Until at most one in 1,000 ham would have been
lost, over 1,000 ham at least, what it says adds 6 points at most. ` + "`gatepost learn`" + ` teaches it.`,
		Example: `  gatepost bayes
  gatepost bayes explain mail.eml --domain example.org
  gatepost bayes rollback 2026-11-22`,
	})
	unknown := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknown(cmd, args)
		}
		p.started = true
		return ask(p, cmd, ops.BayesShow{}, p.showBayes)
	}
	c.AddCommand(p.bayesLessons(), p.bayesSnapshots(), p.bayesRollBack(), p.bayesReset(), p.bayesExplain())
	return c
}

func (p *program) showBayes(b ops.Bayes) {
	p.record("trained", trainedWords(b), "may decide alone", earnedWords(b.Record), "guard", guardWords(b.Guard))
	p.say("")
	if len(b.Lessons) == 0 {
		p.say("nothing was taught")
	} else {
		t := p.table("SOURCE", "SAYS", "LESSONS", "LAST", "")
		for _, c := range b.Lessons {
			t.row(c.Source, spamWord(c.Spam), c.Count, c.Last, enoughWord(c.Enough))
		}
		t.flush()
	}
	r := b.Record
	if r.Ham+r.Spam == 0 {
		return
	}
	p.say("\nsince %s, %d ham and %d spam, each judged before it was learnt:", r.Since, r.Ham, r.Spam)
	t := p.table("LEVEL", "FROM", "HAM LOST", "", "SPAM CAUGHT", "", "ALONE")
	for _, l := range r.Levels {
		t.row(l.Level, strconv.FormatFloat(l.Score, 'f', 3, 64), l.Lost, percent(l.Lost, r.Ham), l.Caught, percent(l.Caught, r.Spam), aloneWord(l.Earned))
	}
	t.flush()
}

// aloneWord says whether a level may decide alone.
func aloneWord(earned bool) string {
	if earned {
		return "yes"
	}
	return "no"
}

// percent is a share of some; "" of none.
func percent(n, of int64) string {
	if of == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f %%", 100*float64(n)/float64(of))
}

func trainedWords(b ops.Bayes) string {
	have := fmt.Sprintf("%d spam and %d ham learnt", b.Spam, b.Ham)
	if b.Trained {
		return "yes: " + have
	}
	var lack []string
	for _, l := range []struct {
		word string
		have int64
	}{{"spam", b.Spam}, {"ham", b.Ham}} {
		if l.have < b.Needed {
			lack = append(lack, fmt.Sprintf("%d more %s", b.Needed-l.have, l.word))
		}
	}
	return fmt.Sprintf("no: %s; it takes %s", have, strings.Join(lack, " and "))
}

// earnedWords say whether the default level may decide alone, and why.
func earnedWords(r ops.BayesRecord) string {
	for _, l := range r.Levels {
		switch {
		case l.Level != 4:
		case l.Earned:
			return fmt.Sprintf("yes: at level 4 it would have lost %d of %d ham", l.Lost, r.Ham)
		case r.Ham < r.NeedHam:
			return fmt.Sprintf("not yet: %d of %d ham were judged", r.Ham, r.NeedHam)
		default:
			return fmt.Sprintf("no: at level 4 it would have lost %d of %d ham, more than one in %d", l.Lost, r.Ham, r.NeedOne)
		}
	}
	return "not yet"
}

func guardWords(g ops.BayesGuard) string {
	text := fmt.Sprintf("watches %d known ham and %d known spam, of which %d and %d are close to being taken for the other", g.Ham.Known, g.Spam.Known, g.Ham.Lost, g.Spam.Lost)
	if !g.Judging {
		text += "; it does not judge yet, on the model's first day"
	}
	if g.Refused > 0 {
		text += fmt.Sprintf("; it has refused %d lessons since the start", g.Refused)
	}
	return text
}

// enoughWord says of lessons that they changed nothing.
func enoughWord(enough bool) string {
	if enough {
		return "knew these well enough"
	}
	return ""
}

func bayesListing() listing[ops.BayesLesson] {
	head := []string{"ID", "TIME", "SAYS", "SOURCE", "PERSON", "DOMAIN", "WAS", "STATE", "MESSAGE"}
	return listing[ops.BayesLesson]{"no lessons", head, func(l ops.BayesLesson) []any {
		state := l.State
		switch {
		case !l.Ended.IsZero():
			state = "taken back"
		case !l.Counts && l.State != "refused":
			state = "rolled back"
		}
		return []any{l.ID, l.Time, spamWord(l.Spam), l.Source, l.Person, l.Domain, fmt.Sprintf("%.2f", l.Score), state, l.Message}
	}}
}

func (p *program) bayesLessons() *cobra.Command {
	var r ops.BayesLessons
	c := &cobra.Command{
		Use:   "lessons",
		Short: "List what it was taught, the newest first",
		Long: `Lists lessons, the newest first: who says by what that a message is spam or ham, how it was judged before (WAS), and
what became of the lesson: learnt; enough, since it was known well enough; refused by the guard; taken back; rolled back.`,
		Example: `  gatepost bayes lessons --source junk
  gatepost bayes lessons --state refused`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request { r.Page = at; return r }
			id := func(l ops.BayesLesson) string { return l.ID }
			return askPages(p, cmd, r.Page, search[ops.BayesLesson]{request, id}, bayesListing())
		},
	}
	c.Flags().StringVar(&r.Message, "message", "", "about the message of this transaction (`id`)")
	c.Flags().StringVar(&r.Source, "source", "", "by this `source`: trap, report, junk, inbox, release, challenge, command")
	c.Flags().StringVar(&r.State, "state", "", "in this `state`: learnt, enough, refused")
	paging(c, &r.Page)
	return c
}

func (p *program) bayesSnapshots() *cobra.Command {
	return &cobra.Command{
		Use:     "snapshots",
		Short:   "List the models of earlier days",
		Long:    "Lists the models that are kept, one a day, to which rollback returns.",
		Example: `  gatepost bayes snapshots`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			head := []string{"DAY", "TIME", "OCTETS", "NODE"}
			return askList(p, cmd, ops.BayesSnapshots{}, listing[ops.BayesSnapshot]{"no snapshots yet: the first is made when something was learnt", head, func(s ops.BayesSnapshot) []any {
				return []any{s.Day, s.Time, s.Octets, s.Node}
			}})
		},
	}
}

func (p *program) bayesRollBack() *cobra.Command {
	return &cobra.Command{
		Use:   "rollback DAY",
		Short: "Return to the model of an earlier day",
		Long: `Makes the model what it was when a day began (UTC), on all nodes within a second or so. What was taught since then counts no
more; it may be taught again.`,
		Example: `  gatepost bayes rollback 2026-11-22`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.BayesRollBack{Day: args[0]}, func(r ops.BayesRolled) {
				p.say("the model is that of %s: %d spam and %d ham learnt", cell(r.Time, p.zone), r.Spam, r.Ham)
			})
		},
	}
}

func (p *program) bayesReset() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "reset --yes",
		Short: "Have it forget everything",
		Long: `Makes the model empty, on all nodes within a second or so: it is untrained, and judges nothing, until it has learnt anew. Its snapshots
stay, and rollback returns to them. It works also where the model can't be read.`,
		Example: `  gatepost bayes reset --yes`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !yes {
				return usage("this forgets all that bayes has learnt; say --yes if that is meant")
			}
			return ask(p, cmd, ops.BayesReset{}, func(ops.Nothing) { p.say("the model is empty") })
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "it is meant")
	return c
}

func (p *program) bayesExplain() *cobra.Command {
	var r ops.BayesExplain
	c := &cobra.Command{
		Use:   "explain FILE.eml",
		Short: "Tell how a message is judged, and by what",
		Long: `Judges a message in a file, or of standard input where FILE is "-", and tells the features that weigh most: for spam, or against it
where negative. Nothing is learnt. ` + "`gatepost explain`" + ` walks it through all filters.`,
		Example: `  gatepost bayes explain mail.eml --domain example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			raw, err := p.readMessage(args[0])
			if err != nil {
				return err
			}
			r.Message = raw
			return ask(p, cmd, r, p.showBayesVerdict)
		},
	}
	c.Flags().StringVar(&r.Domain, "domain", "", "as mail for this domain (`name`); its own lessons count, too")
	return c
}

func (p *program) showBayesVerdict(v ops.BayesVerdict) {
	spam := "ham at all levels"
	switch n := len(v.Levels); {
	case n == 1:
		spam = fmt.Sprintf("spam at level %d", v.Levels[0])
	case n > 1:
		spam = fmt.Sprintf("spam at levels %d to %d", v.Levels[0], v.Levels[n-1])
	}
	if !v.Trained {
		spam = "too little was learnt for that to mean anything"
	}
	p.record("score", fmt.Sprintf("%.3f of 15: %s", v.Score, spam), "learnt", fmt.Sprintf("%d spam, %d ham", v.Spam, v.Ham))
	if len(v.Features) == 0 {
		return
	}
	p.say("")
	t := p.table("WEIGHT", "FEATURE")
	for _, f := range v.Features {
		t.row(fmt.Sprintf("%+.2f", f.Weight), f.Feature)
	}
	t.flush()
}
