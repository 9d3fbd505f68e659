package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) upgrade() *cobra.Command {
	return &cobra.Command{
		Use:   "upgrade",
		Short: "Have the program that is installed now take over from the one that serves",
		Long: `Has the node start its program again, from where it was started and with the same
flags, so that what was installed there meanwhile takes over. No port is closed: who connects
waits until the new process serves, which is told when it does. Who is sending a message may end
it; mail programs are told good-bye and come again.

The configuration is checked first. Where the new process can't serve, because of a mistake, a
port that is taken, or anything else, the process before goes on, or serves again.`,
		Example: `  gatepost upgrade
  gatepost upgrade --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.loadChecked()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), tryTime)
			defer cancel()
			if err := p.node.try(ctx, cfg); err != nil {
				return err
			}
			return ask(p, cmd, ops.Upgrade{}, func(u ops.Upgraded) {
				p.say("process %d serves, version %s; who connected meanwhile waited %v at most", u.Process, u.Version, u.Waited.Round(time.Millisecond))
			})
		},
	}
}
