package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/corpus"
)

func (p *program) learn() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "learn",
		Short: "What spam taught, and what ham did",
		Long: `Traps, viruses, people's reports, releases and solved challenges teach the content filters by themselves. Here an
operator teaches them with files, and sees and takes back what was learnt.`,
		Example: `  gatepost learn spam /srv/mail/ann/Maildir/.Junk
  gatepost learn stats
  gatepost learn forget --message 0ab1c2d3e4f5g6h7i8j9`,
	})
	c.AddCommand(p.learnFiles(true), p.learnFiles(false), p.learnStats(), p.learnList(), p.learnForget())
	return c
}

// What one request brings, at most: messages, and octets beside the last message's.
const (
	learnMessages = 200
	learnOctets   = 4 << 20
)

func (p *program) learnFiles(spam bool) *cobra.Command {
	word, said := "ham", "is wanted"
	if spam {
		word, said = "spam", "is spam"
	}
	return &cobra.Command{
		Use:   word + " PATH…",
		Short: "Teach that what is in files " + said,
		Long: `Teaches with messages in files: single messages, mboxes, Maildirs and other directories, with all that is below them.
Each message counts once, however often it is brought; told the opposite, it changes sides. Of a message the
first 32 MiB are read. A file that can't be read, or has nothing by which it could be known again, is told and
left out, and the exit status is 1.`,
		Example: "  gatepost learn " + word + " mail.mbox Maildir/",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l := learning{p: p, cmd: cmd, done: ops.LearnDone{Faults: []string{}}}
			l.batch.Spam = spam
			err := l.paths(args)
			if err != nil && l.done.Learnt+l.done.Failed == 0 {
				return err
			}
			if l.done.Failed > 0 && err == nil {
				err = fmt.Errorf("%d not learnt", l.done.Failed)
			}
			return errors.Join(p.print(l.done, func() {
				for _, f := range l.done.Faults {
					p.say("not learnt: %s", printable(f))
				}
				p.say("learnt as %s: %d", word, l.done.Learnt)
			}), err)
		},
	}
}

// A learning sends messages in requests of a bounded size.
type learning struct {
	p      *program
	cmd    *cobra.Command
	batch  ops.LearnAdd
	octets int
	done   ops.LearnDone
}

func (l *learning) paths(paths []string) error {
	for _, path := range paths {
		for item, err := range corpus.Walk(path) {
			if err != nil {
				l.fault(err.Error())
				continue
			}
			l.batch.Messages = append(l.batch.Messages, ops.LearnMessage{Name: item.Name, Content: item.Content})
			if l.octets += len(item.Content); l.octets >= learnOctets || len(l.batch.Messages) >= learnMessages {
				if err := l.send(); err != nil {
					return err
				}
			}
		}
	}
	return l.send()
}

func (l *learning) send() error {
	if len(l.batch.Messages) == 0 {
		return nil
	}
	var done ops.LearnDone
	err := l.p.do(l.cmd.Context(), l.batch, &done)
	l.done.Learnt += done.Learnt
	l.done.Failed += done.Failed
	l.done.Faults = append(l.done.Faults, done.Faults...)
	l.batch.Messages, l.octets = nil, 0
	if !l.p.json && l.done.Learnt >= learnMessages {
		fmt.Fprintf(l.p.errs, "%d messages so far\n", l.done.Learnt)
	}
	return err
}

func (l *learning) fault(text string) {
	if l.done.Failed++; len(l.done.Faults) < learnMessages {
		l.done.Faults = append(l.done.Faults, text)
	}
}

func (p *program) learnStats() *cobra.Command {
	return &cobra.Command{
		Use:     "stats",
		Short:   "Show how much was learnt, and by what",
		Long:    "Shows how many lessons stand: by what they came, what they say, and when the last one did.",
		Example: `  gatepost learn stats`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			head := []string{"SOURCE", "SAYS", "LESSONS", "LAST"}
			return askList(p, cmd, ops.LearnStats{}, listing[ops.LearnCount]{"nothing was learnt", head, func(c ops.LearnCount) []any {
				return []any{c.Source, spamWord(c.Spam), c.Count, c.Last}
			}})
		},
	}
}

func spamWord(spam bool) string {
	if spam {
		return "spam"
	}
	return "ham"
}

func lessonListing() listing[ops.Lesson] {
	head := []string{"ID", "TIME", "SAYS", "SOURCE", "PERSON", "MESSAGE", "PRINTS"}
	return listing[ops.Lesson]{"no lessons", head, func(l ops.Lesson) []any {
		return []any{l.ID, l.Time, spamWord(l.Spam), l.Source, l.Person, l.Message, len(l.Prints)}
	}}
}

func (p *program) learnList() *cobra.Command {
	var r ops.LearnList
	c := &cobra.Command{
		Use:   "list",
		Short: "List what was learnt, the newest first",
		Long: `Lists lessons that stand, the newest first: who says by what that a message is spam or ham, and by how many marks (its
text's checksum and sketch, attachments, pictures, its client's network) it is known again. --json has those.`,
		Example: `  gatepost learn list --source report`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request { r.Page = at; return r }
			id := func(l ops.Lesson) string { return l.ID }
			return askPages(p, cmd, r.Page, search[ops.Lesson]{request, id}, lessonListing())
		},
	}
	c.Flags().StringVar(&r.Message, "message", "", "about the message of this transaction (`id`)")
	c.Flags().StringVar(&r.Source, "source", "", "by this `source`: trap, virus, report, release, challenge, operator, command …")
	paging(c, &r.Page)
	return c
}

func (p *program) learnForget() *cobra.Command {
	var r ops.LearnForget
	c := &cobra.Command{
		Use:   "forget ID | forget --message ID",
		Short: "Take back what was learnt",
		Long:  "Takes back one lesson, or all about one message, as if they had not been given.",
		Example: `  gatepost learn forget 17
  gatepost learn forget --message 0ab1c2d3e4f5g6h7i8j9`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				r.ID = args[0]
			}
			if (r.ID == "") == (r.Message == "") {
				return usage("name a lesson's ID, or --message with a transaction's")
			}
			return ask(p, cmd, r, func(list []ops.Lesson) { p.say("lessons taken back: %d", len(list)) })
		},
	}
	c.Flags().StringVar(&r.Message, "message", "", "all about the message of this transaction (`id`)")
	return c
}
