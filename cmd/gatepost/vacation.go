package main

import (
	"strings"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) vacation() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "vacation",
		Short: "Answers while a mailbox's owner is away",
		Long: `Shows, sets and ends the answer that goes to who writes to a mailbox while its owner is
away. Lists, programs and who was answered lately get none. It is a rule in the script
"gatepost" among the owner's others, which runs the owner's own one behind it.`,
		Example: `  gatepost vacation set ann@example.org --from 2026-12-24 --to 2027-01-03 --text "I am back on the 4th."`,
	})
	c.AddCommand(p.vacationShow(), p.vacationSet(), p.vacationOff())
	return c
}

func (p *program) vacationShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ADDRESS",
		Short:   "Show the answer",
		Example: `  gatepost vacation show ann@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.VacationShow{Address: args[0]}, p.showVacation)
		},
	}
}

func (p *program) vacationSet() *cobra.Command {
	var r ops.VacationSet
	var file string
	c := &cobra.Command{
		Use:   "set ADDRESS --text TEXT",
		Short: "Have senders answered",
		Long: `Has senders answered, in the place of what was set before. Days are those of the owner's
zone, both included. In subject and text ${subject} and ${sender} stand for those of the mail.`,
		Example: `  gatepost vacation set ann@example.org --from 2026-12-24 --to 2027-01-03 --text "I am back on the 4th."
  gatepost vacation set ann@example.org --subject Away --text-file away.txt --days 3 --except example.net`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			r.Address = args[0]
			switch {
			case (r.Text == "") == (file == ""):
				return usage("give --text or --text-file")
			case file != "":
				if r.Text, err = p.readScript(file); err != nil {
					return err
				}
			}
			return ask(p, cmd, r, p.showVacation)
		},
	}
	f := c.Flags()
	f.StringVar(&r.From, "from", "", "the first `day`, such as 2026-12-24; empty is now")
	f.StringVar(&r.To, "to", "", "the last `day`; empty is until it is ended")
	f.StringVar(&r.Subject, "subject", "", "of the answer; empty is made of the mail's `subject`")
	f.StringVar(&r.Text, "text", "", "what it says")
	f.StringVar(&file, "text-file", "", "a `file` that has the text; - is standard input")
	f.IntVar(&r.Days, "days", 7, "nobody is answered twice within so many `days`, 1 to 90")
	f.StringArrayVar(&r.Except, "except", nil, "an `address` or domain that is not answered; repeatable")
	return c
}

func (p *program) vacationOff() *cobra.Command {
	return &cobra.Command{
		Use:     "off ADDRESS",
		Short:   "End it",
		Example: `  gatepost vacation off ann@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.VacationOff{Address: args[0]}, func(ops.Nothing) { p.say("nobody is answered any more") })
		},
	}
}

func (p *program) showVacation(v ops.Vacation) {
	if !v.Set {
		p.say("nobody is answered")
		return
	}
	p.record("from", v.From, "to", v.To, "days", v.Days, "except", join(v.Except), "then", v.Then, "subject", v.Subject)
	p.say("")
	for line := range strings.Lines(v.Text) {
		p.say("%s", printable(strings.TrimSuffix(line, "\n")))
	}
	p.idleRules(v.Runs)
}

// idleRules warns of rules that are set and do not run.
func (p *program) idleRules(runs bool) {
	if !runs {
		p.warn([]string{`it is set, but another script is active that does not include "gatepost" (sieve list, sieve activate)`})
	}
}

func (p *program) mailboxForward() *cobra.Command {
	var off bool
	r := ops.MailboxForward{}
	c := &cobra.Command{
		Use:   "forward ADDRESS [TARGET...]",
		Short: "Send a mailbox's mail on, as its owner would",
		Long: `Has a mailbox's mail sent on to 1 to 4 addresses; without targets it shows where it is.
Without --keep no copy stays, and the owner's own rules do not run. It is a rule in the
owner's script "gatepost"; what an operator has copied is set by --copy-to of mailbox set.`,
		Example: `  gatepost mailbox forward ann@example.org ann@elsewhere.example --keep
  gatepost mailbox forward ann@example.org --off`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Address = args[0]
			to := args[1:]
			switch {
			case off && len(to) > 0:
				return usage("give targets or --off")
			case r.Keep && len(to) == 0:
				return usage("--keep needs targets")
			case off || len(to) > 0:
				r.To = &to
			}
			return ask(p, cmd, r, func(f ops.MailboxForwarding) {
				if len(f.To) == 0 {
					p.say("nothing is sent on")
					return
				}
				p.record("to", join(f.To), "keep", yesOrNo(f.Keep))
				p.idleRules(f.Runs)
			})
		},
	}
	c.Flags().BoolVar(&r.Keep, "keep", false, "keep a copy")
	c.Flags().BoolVar(&off, "off", false, "send nothing on any more")
	return c
}
