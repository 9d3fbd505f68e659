package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) shareAsk() *cobra.Command {
	var r ops.ShareAsk
	c := &cobra.Command{
		Use:   "ask ASKER ADDRESS [--send on-behalf]",
		Short: "Have somebody ask to send for another mailbox",
		Long: `Asks, for the owner of the mailbox ASKER, whether he may send under an address of another mailbox here: in his
own domain, or of one that shares something with him. Its owner is told by mail and decides on a page; of a
group, who has the right manage in all of it. A request ends after 14 days.`,
		Example: `  gatepost share ask secretary@example.org boss@example.org
  gatepost share ask bob@example.org support@example.org --send as`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Asker, r.Address = args[0], args[1]
			return ask(p, cmd, r, func(ops.Nothing) {
				p.say("%s has asked to send for %s", printable(args[0]), printable(args[1]))
			})
		},
	}
	c.Flags().StringVar(&r.Send, "send", "on-behalf", "how he would send: `as` the address, or on-behalf")
	return c
}

func (p *program) shareRequests() *cobra.Command {
	var r ops.ShareRequests
	c := &cobra.Command{
		Use:   "requests [--owner ADDRESS | --with ADDRESS]",
		Short: "List who asks to send for whom",
		Long: `Lists the requests to send for somebody that wait for an answer, the oldest first. With --with those that reach
nobody are among them, since their asker is not told: OWNER is empty there.`,
		Example: `  gatepost share requests
  gatepost share requests --owner support@example.org`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd, r, func(list []ops.SendRequest) {
				if len(list) == 0 {
					p.say("nobody asks")
					return
				}
				t := p.table()
				t.row("ID", "ASKER", "OWNER", "ADDRESS", "SENDS", "ENDS")
				for _, s := range list {
					t.row(s.ID, s.Asker, s.Owner, s.Address, s.Send, s.Expires)
				}
				t.flush()
			})
		},
	}
	c.Flags().StringVar(&r.Owner, "owner", "", "who asks to send for this `mailbox`")
	c.Flags().StringVar(&r.With, "with", "", "for whom this `mailbox` asks to send")
	return c
}

// shareDecide grants or declines.
func (p *program) shareDecide(grant bool) *cobra.Command {
	use, short, done := "decline", "Decline a request to send for somebody", "declined; its asker is told by mail"
	if grant {
		use, short, done = "grant", "Grant a request to send for somebody", "granted; its asker is told by mail"
	}
	return &cobra.Command{
		Use:     use + " ID",
		Short:   short,
		Long:    short + ", in place of who is asked. Its ID is in gatepost share requests.",
		Example: "  gatepost share " + use + " 01KB3YQ5T0Z8M6W4N2R7XJ1C9D",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.ShareDecide{ID: args[0], Grant: grant}, func(ops.Nothing) {
				p.say(done)
			})
		},
	}
}
