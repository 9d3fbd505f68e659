package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"gatepost/internal/config"
	"gatepost/internal/control/ops"
)

func (p *program) reload() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Have the node read its configuration again",
		Long: `Has the node that serves the data directory read its configuration again, the same
file and flags that it was started with, as SIGHUP does. No connection is closed: who is
connected keeps what he was served with, who comes gets the new settings, and who is
connected to a listener that was taken out stays until he goes.

A configuration with mistakes changes nothing; each is told with file and line. What
changed is listed, and what stays as it was until gatepost serve is started again.`,
		Example: `  gatepost reload
  gatepost reload --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var r ops.Reloaded
			err := p.do(cmd.Context(), ops.Reload{}, &r)
			if errors.As(err, new(config.Problems)) { // found before the node was asked
				return fmt.Errorf("the old configuration stays:\n%w", err)
			}
			if err != nil {
				return err
			}
			return p.print(r, func() {
				if len(r.Changed)+len(r.NeedsRestart) == 0 {
					p.say("no setting has changed; files that settings name were read again")
				}
				for _, path := range r.Changed {
					p.say("changed: %s", path)
				}
				for _, path := range r.NeedsRestart {
					p.say("needs a restart: %s", path)
				}
			})
		},
	}
}
