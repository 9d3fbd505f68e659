package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) learn() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "learn",
		Short: "What spam taught, and what ham did",
		Long: `Traps, viruses, people's reports, what owners move into Junk or out of it, releases and solved challenges teach the content
filters by themselves. Here an operator teaches them with files, and sees and takes back what was learnt.

With --stream no node is asked, and none needs to be there: the statistical filter's model in the directory --model
(made where it is missing) learns from files and judges them as lines on standard input say, and each line is answered at once:

    train spam PATH    ok
    train ham PATH     ok
    classify PATH      PATH SCORE

A score is above 0 and below 15; from 7.5 on a message is more likely spam. What can't be done is answered "PATH error: …".
The model is saved each second, and when the lines end or a signal ends the command.`,
		Example: `  gatepost learn spam /srv/mail/ann/Maildir/.Junk
  gatepost learn stats
  gatepost learn forget --message 0ab1c2d3e4f5g6h7i8j9
  gatepost learn --stream --model /tmp/model < lines`,
	})
	var stream bool
	var model string
	c.Flags().BoolVar(&stream, "stream", false, "learn and judge as the lines on standard input say")
	c.Flags().StringVar(&model, "model", "", "`directory` of the model, for --stream")
	asked := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case !stream && model == "":
			return asked(cmd, args)
		case len(args) > 0:
			return fmt.Errorf("--stream takes no arguments, not %q", args[0])
		case !stream || model == "":
			return errors.New("--stream and --model go together")
		}
		p.started = true
		return p.learnStream(cmd.Context(), model)
	}
	c.AddCommand(p.learnFiles(true), p.learnFiles(false), p.learnBoth(), p.learnStats(), p.learnList(), p.learnForget(), p.learnProposals())
	return c
}

// What one request brings, at most: messages, and octets beside the last message's.
const (
	learnMessages = 200
	learnOctets   = 4 << 20
)

// maxNamed bounds the files that are named because they were not learnt; the others are counted.
const maxNamed = 200

func (p *program) learnFiles(spam bool) *cobra.Command {
	word, said := "ham", "is wanted"
	if spam {
		word, said = "spam", "is spam"
	}
	var add ops.LearnAdd
	c := &cobra.Command{
		Use:   word + " PATH…",
		Short: "Teach that what is in files " + said,
		Long: `Teaches with messages in files: single messages, mboxes, Maildirs and other directories, with all that is below them.
Each message counts once, however often it is brought, so what was broken off is begun again; told the opposite, it changes
sides. Of a message the first 32 MiB are read. A file that can't be read, or is no message, is told and left out, and the exit
status is 1.`,
		Example: "  gatepost learn " + word + " mail.mbox Maildir/ --domain example.org",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l := learning{p: p, cmd: cmd, request: add, done: ops.LearnDone{Faults: []string{}}}
			l.request.Spam = spam
			return l.report(word, l.paths(args))
		},
	}
	learnFlags(c, &add)
	return c
}

// A batch gathers messages until there are enough for a request.
type batch struct {
	list   []ops.LearnMessage
	octets int
}

func (b *batch) add(m ops.LearnMessage, send func([]ops.LearnMessage) error) error {
	b.list = append(b.list, m)
	if b.octets += len(m.Content); b.octets < learnOctets && len(b.list) < learnMessages {
		return nil
	}
	return b.flush(send)
}

func (b *batch) flush(send func([]ops.LearnMessage) error) error {
	list := b.list
	b.list, b.octets = nil, 0
	if len(list) == 0 {
		return nil
	}
	return send(list)
}

// A learning sends messages in requests of a bounded size.
type learning struct {
	p       *program
	cmd     *cobra.Command
	request ops.LearnAdd // without messages
	batch   batch
	done    ops.LearnDone
}

func (l *learning) paths(paths []string) error {
	for item, err := range walkAll(paths) {
		if err := l.take(item, "", err); err != nil {
			return err
		}
	}
	return l.batch.flush(l.send)
}

func (l *learning) send(list []ops.LearnMessage) error {
	r := l.request
	r.Messages = list
	var done ops.LearnDone
	err := l.p.do(l.cmd.Context(), r, &done)
	l.done.Learnt += done.Learnt
	l.done.Known += done.Known
	l.done.Failed += done.Failed
	l.done.Faults = append(l.done.Faults, done.Faults[:min(len(done.Faults), max(0, maxNamed-len(l.done.Faults)))]...)
	return err
}

// sum says in short what was done.
func (l *learning) sum() string {
	text := fmt.Sprint(l.done.Learnt)
	if l.done.Known > 0 {
		text += fmt.Sprintf(" (%d were known)", l.done.Known)
	}
	if l.done.Failed > 0 {
		text += fmt.Sprintf(", not learnt: %d", l.done.Failed)
	}
	return text
}

func (l *learning) fault(text string) {
	if l.done.Failed++; len(l.done.Faults) < maxNamed {
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
	var files []string
	c := &cobra.Command{
		Use:   "forget ID | forget --message ID | forget --file PATH…",
		Short: "Take back what was learnt",
		Long: `Takes back one lesson, all about one message, or what was taught with files, as if it had not been given. What the statistical
filter made of a message it can take back only where the message is still here, or is brought again with --file.`,
		Example: `  gatepost learn forget 17
  gatepost learn forget --message 0ab1c2d3e4f5g6h7i8j9
  gatepost learn forget --file wrong.mbox`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				r.ID = args[0]
			}
			named := 0
			for _, is := range []bool{r.ID != "", r.Message != "", len(files) > 0} {
				if is {
					named++
				}
			}
			switch {
			case named != 1:
				return usage("name a lesson's ID, --message with a transaction's, or --file")
			case len(files) > 0:
				return p.forgetFiles(cmd, files)
			}
			return ask(p, cmd, r, p.sayForgotten)
		},
	}
	c.Flags().StringVar(&r.Message, "message", "", "all about the message of this transaction (`id`)")
	c.Flags().StringArrayVar(&files, "file", nil, "what was taught with the messages in this file or directory (`path`); repeatable")
	return c
}

func (p *program) sayForgotten(list []ops.Lesson) { p.say("lessons taken back: %d", len(list)) }

// forgetFiles takes back what was taught with files.
func (p *program) forgetFiles(cmd *cobra.Command, paths []string) error {
	all := []ops.Lesson{}
	var faults []error
	send := func(list []ops.LearnMessage) error {
		var ended []ops.Lesson
		err := p.do(cmd.Context(), ops.LearnForget{Messages: list}, &ended)
		all = append(all, ended...)
		return err
	}
	var b batch
	for item, err := range walkAll(paths) {
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if err := b.add(ops.LearnMessage{Name: item.Name, Content: item.Content}, send); err != nil {
			return err
		}
	}
	faults = append(faults, b.flush(send))
	return errors.Join(p.print(all, func() { p.sayForgotten(all) }), errors.Join(faults...))
}
