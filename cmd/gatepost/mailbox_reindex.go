package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) mailboxReindex() *cobra.Command {
	var r ops.MailboxReindex
	c := &cobra.Command{
		Use:   "reindex ADDRESS|--all",
		Short: "Make the search index of a mailbox anew",
		Long: "Drops what the search index knows of a mailbox, or of all, and has it made anew from the messages, beside the work. " +
			"Until that is done searches read the messages themselves: they find the same, and take longer.",
		Example: `  gatepost mailbox reindex ann@example.org`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == r.All {
				return usage("give either an address or --all")
			}
			if len(args) == 1 {
				r.Address = args[0]
			}
			return ask(p, cmd, r, func(done ops.Reindexed) {
				p.say("the index of %d mailboxes is made anew, beside the work", done.Mailboxes)
			})
		},
	}
	c.Flags().BoolVar(&r.All, "all", false, "of all mailboxes")
	return c
}
