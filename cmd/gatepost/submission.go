package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) submission() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "submission",
		Short: "What log-ins send, and their limits",
		Long: `Shows what people send who have logged in (submission in config.yaml), stops those whose
password somebody else has, and lets them send again. Who is stopped still reads mail.`,
		Example: `  gatepost submission list
  gatepost submission resume ann@example.org`,
	})
	c.AddCommand(p.submissionList(), p.submissionShow(), p.submissionStop(), p.submissionResume(), p.submissionSet())
	return c
}

func (p *program) submissionList() *cobra.Command {
	var r ops.SubmissionList
	c := &cobra.Command{
		Use:     "list",
		Short:   "List log-ins by what they sent within a day",
		Long:    "Lists log-ins by what they sent within a day, those first that asked for most, with the signs that somebody else has the password.",
		Example: `  gatepost submission list --stopped`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			head := []string{"MAILBOX", "MESSAGES", "PUT OFF", "RECIPIENTS", "WRONG", "NETWORKS", "STOPPED", "SIGNS"}
			return askList(p, cmd, r, listing[ops.Login]{"no log-in", head, func(l ops.Login) []any {
				return []any{l.Mailbox, l.Messages, l.Refused + l.Excess, l.Recipients, l.Wrong, l.Networks, l.Since, join(l.Signs)}
			}})
		},
	}
	c.Flags().BoolVar(&r.Stopped, "stopped", false, "only those that may send nothing")
	c.Flags().IntVar(&r.Limit, "limit", 100, "`number` of lines at most, up to 1000")
	return c
}

func (p *program) showLogin(l ops.Login) {
	stopped := "no"
	if l.Stopped {
		stopped = l.Reason
		if l.Who != "" {
			stopped += ", by " + l.Who
		}
	}
	p.record("mailbox", l.Mailbox, "stopped", stopped, "since", l.Since, "messages", l.Messages, "put off", l.Refused, "recipients", l.Recipients,
		"recipients put off", l.Excess, "wrong recipients", l.Wrong, "networks", l.Networks, "signs", join(l.Signs),
		"a minute", limitOf(l.PerMinute), "an hour", limitOf(l.PerHour), "a day", limitOf(l.PerDay), "recipients a day", limitOf(l.RecipientsDay))
}

// limitOf shows a limit.
func limitOf(n int) string {
	switch {
	case n < 0:
		return "the node's"
	case n == 0:
		return "none"
	}
	return strconv.Itoa(n)
}

func (p *program) submissionShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ADDRESS",
		Short:   "Show what one log-in sent within a day, and its limits",
		Example: `  gatepost submission show ann@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.SubmissionShow{Mailbox: args[0]}, p.showLogin)
		},
	}
}

func (p *program) submissionStop() *cobra.Command {
	r := ops.SubmissionStop{}
	c := &cobra.Command{
		Use:     "stop ADDRESS",
		Short:   "Let a log-in send nothing until it is resumed",
		Long:    "Lets a log-in send nothing until it is resumed, on all nodes within seconds. What it sent already goes on: gatepost queue hold --sender ADDRESS keeps that back.",
		Example: `  gatepost submission stop ann@example.org --reason "its password is on a list"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Mailbox = args[0]
			return ask(p, cmd, r, p.showLogin)
		},
	}
	c.Flags().StringVar(&r.Reason, "reason", "", "`why`; its owner's mail program shows it")
	return c
}

func (p *program) submissionResume() *cobra.Command {
	return &cobra.Command{
		Use:     "resume ADDRESS",
		Short:   "Let a log-in send again that was stopped",
		Long:    "Lets a log-in send again that was stopped. What it sent so far counts no more. Change its password first.",
		Example: `  gatepost submission resume ann@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.SubmissionResume{Mailbox: args[0]}, p.showLogin)
		},
	}
}

func (p *program) submissionSet() *cobra.Command {
	var minute, hour, day, recipients string
	c := &cobra.Command{
		Use:   "set ADDRESS|DOMAIN",
		Short: "Give a mailbox, or each of a domain's, limits of its own",
		Long: `Gives a mailbox, or each mailbox of a domain, limits of its own, in the place of the node's. A mailbox's
hold before its domain's. A limit is a number, "none", or "default" for the next wider one.`,
		Example: `  gatepost submission set news@example.org --per-hour 5000 --per-day none --recipients none`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r := ops.SubmissionSet{Owner: args[0]}
			for _, l := range []struct {
				flag, value string
				to          **int
			}{{"per-minute", minute, &r.PerMinute}, {"per-hour", hour, &r.PerHour}, {"per-day", day, &r.PerDay}, {"recipients", recipients, &r.Recipients}} {
				if !cmd.Flags().Changed(l.flag) {
					continue
				}
				n, err := parseLimit(l.value)
				if err != nil {
					return usage("--%s: %v", l.flag, err)
				}
				*l.to = &n
			}
			if r == (ops.SubmissionSet{Owner: args[0]}) {
				return usage("nothing to change: give --per-minute, --per-hour, --per-day or --recipients")
			}
			return ask(p, cmd, r, func(l ops.SubmissionLimits) {
				p.record("of", l.Owner, "a minute", limitOf(l.PerMinute), "an hour", limitOf(l.PerHour), "a day", limitOf(l.PerDay), "recipients a day", limitOf(l.Recipients))
			})
		},
	}
	f := c.Flags()
	f.StringVar(&minute, "per-minute", "", "`number` of messages in a minute, none, or default")
	f.StringVar(&hour, "per-hour", "", "`number` of messages in an hour, none, or default")
	f.StringVar(&day, "per-day", "", "`number` of messages in a day, none, or default")
	f.StringVar(&recipients, "recipients", "", "`number` of different recipients in a day, none, or default")
	return c
}

// parseLimit reads a limit: below 0 is the next wider one's, 0 none.
func parseLimit(s string) (int, error) {
	switch s {
	case "default":
		return -1, nil
	case "none":
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is neither a number, none nor default", s)
	}
	return n, nil
}
