package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) logLevel() *cobra.Command {
	return &cobra.Command{
		Use:   "log-level [debug|info|warn|error]",
		Short: "Show or change how much the node logs",
		Long: `Changes from what level on the node that serves logs, at once and for the time being: when
the configuration is read again, or the node starts, log.level counts. Without a level it tells
which one is in force.`,
		Example: `  gatepost log-level debug
  gatepost log-level`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r := ops.LogLevel{}
			if len(args) > 0 {
				r.Level = args[0]
			}
			return ask(p, cmd, r, func(l ops.LogLevels) {
				if l.Level == l.Was {
					p.say("%s", l.Level)
					return
				}
				p.say("%s, was %s", l.Level, l.Was)
			})
		},
	}
}
