package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) session() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "session",
		Short: "Who is logged in to the node's pages",
		Long: `Lists and closes the sessions of a person: NAME is an admin's name, or the address of
a mailbox. Sessions end by themselves, too: 12 hours after they were last used, a week
after they began, and when the person's password, role or state is changed. Those
that are to stay end 30 days after they were last used, and 90 after they began. Support
access that an owner gives is among them: a link that nobody has used yet (offered), or
one in use (used).`,
		Example: `  gatepost session list ann@example.org
  gatepost session close ann@example.org`,
	})
	c.AddCommand(p.sessionList(), p.sessionClose())
	return c
}

func (p *program) sessionList() *cobra.Command {
	return &cobra.Command{
		Use:     "list NAME",
		Short:   "List a person's sessions",
		Example: `  gatepost session list root`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			head := []string{"SESSION", "SINCE", "SEEN", "UNTIL", "SUPPORT", "CLIENT", "BROWSER"}
			return askList(p, cmd, ops.SessionList{Name: args[0]}, listing[ops.Session]{"no sessions", head, func(s ops.Session) []any {
				return []any{s.ID, s.Since, s.Seen, s.Expires, s.Support, s.Client, s.Agent}
			}})
		},
	}
}

func (p *program) sessionClose() *cobra.Command {
	return &cobra.Command{
		Use:     "close NAME [SESSION]",
		Short:   "Close a person's sessions, or one of them",
		Example: `  gatepost session close ann@example.org`,
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			r := ops.SessionClose{Name: args[0]}
			if len(args) == 2 {
				r.ID = args[1]
			}
			return ask(p, cmd, r, func(c ops.SessionsClosed) { p.say("closed: %d", c.Closed) })
		},
	}
}

// resetFactor takes a second factor away that was lost: of an admin, or of an owner.
func (p *program) resetFactor(what, use, example string, request func(name string) control.Request) *cobra.Command {
	return &cobra.Command{
		Use:   "reset-factor " + use,
		Short: "Take away a second factor that was lost",
		Long: "Takes away the second factor of " + what + ", with its recovery codes: the password alone is enough to log in to the pages, " +
			"until a new one is set up there.",
		Example: "  " + example,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, request(args[0]), func(ops.Nothing) { p.say("%s has no second factor now", printable(args[0])) })
		},
	}
}
