package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) mailboxLogins() *cobra.Command {
	return &cobra.Command{
		Use:     "logins ADDRESS",
		Short:   "List from where a mailbox was logged in to",
		Long:    "Lists from where a mailbox was logged in to within 90 days, the last first: a line for each door and address (of IPv6 each /64), 50 at most. Its owner sees the same on the page Account.",
		Example: `  gatepost mailbox logins ann@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			head := []string{"DOOR", "CLIENT", "LAST", "FIRST", "COUNT"}
			return askList(p, cmd, ops.MailboxLogins{Address: args[0]}, listing[ops.SeenLogin]{"no log-ins", head, func(l ops.SeenLogin) []any {
				return []any{l.Door, l.Client, l.Last, l.First, l.Count}
			}})
		},
	}
}

func (p *program) mailboxRecovery() *cobra.Command {
	var set string
	c := &cobra.Command{
		Use:   "recovery ADDRESS [--set ADDRESS]",
		Short: "Show or set where an owner is reached who has lost the password",
		Long: `Shows the recovery address of a mailbox, or sets it, as confirmed. Owners set and confirm
their own on the page Account. Whoever reads mail there can open the mailbox.`,
		Example: `  gatepost mailbox recovery ann@example.org
  gatepost mailbox recovery ann@example.org --set ann@elsewhere.example`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.MailboxRecovery{Address: args[0], Set: changed(cmd.Flags(), "set", &set)}, func(r ops.Recovery) {
				p.record("recovery address", r.Address, "since", r.Since, "to be confirmed", r.Waiting)
			})
		},
	}
	c.Flags().StringVar(&set, "set", "", "an `address` elsewhere; empty is none")
	return c
}

func (p *program) mailboxReset() *cobra.Command {
	var r ops.MailboxReset
	c := &cobra.Command{
		Use:   "reset-link ADDRESS",
		Short: "Make a link by which the owner sets a new password",
		Long: `Makes a link to a page on which a new password is set for a mailbox, and shows it: hand it to
its owner and nobody else. It works once, for a day. With --mail it is sent to the recovery address instead.
When it is used all sessions of the mailbox end. A second factor stays.`,
		Example: `  gatepost mailbox reset-link ann@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Address = args[0]
			return ask(p, cmd, r, func(l ops.ResetLink) {
				if l.Link == "" {
					p.say("sent to %s", printable(l.To))
					return
				}
				p.say("%s", l.Link)
			})
		},
	}
	c.Flags().BoolVar(&r.Mail, "mail", false, "send it to the recovery address")
	return c
}
