package main

import "github.com/spf13/cobra"

func (p *program) demo() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Run a node with a demo domain and some mail in it",
		Long: `Runs the node on the configured addresses with a domain, three mailboxes and a few
messages, sent through the pipeline the first time; a small DNS zone of its own
answers for their senders. There are rules, a shared folder, a group, a mailbox that is nearly
full, and an archive of all mail. It prints what to look at and goes on serving.`,
		Example: `  gatepost demo --data /tmp/demo`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.load()
			if err != nil {
				return err
			}
			ctx, stop := graceful(cmd.Context())
			defer stop()
			log, _ := p.logger(cfg)
			return p.node.demo(ctx, cfg, log, p.out)
		},
	}
}
