package main

import (
	"strings"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) route() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use:   "route ADDRESS [--from ADDRESS]",
		Short: "Show where mail for an address goes, and why",
		Long: `Shows where mail for an address goes, step by step: through aliases, forwards, lists
and copies to mailboxes here, to mail hosts, or away. What is further to the right is
what the address above it leads to. With --from it tells, too, whether that
reverse-path may post to the lists on the way. Filters are not asked: see explain.`,
		Example: `  gatepost route staff@example.org --from bob@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r := ops.RouteShow{Address: args[0], From: changed(cmd.Flags(), "from", &from)}
			return ask(p, cmd, r, p.showRoute)
		},
	}
	c.Flags().StringVar(&from, "from", "", "reverse-path of the message (`address`); empty is the null one, of delivery reports")
	return c
}

func (p *program) showRoute(r ops.Route) {
	for _, s := range r.Steps {
		p.say("%s%s: %s", strings.Repeat("  ", s.Depth), printable(s.Address), printable(s.Why))
	}
	switch {
	case !r.Taken:
		p.say("refused: %s", printable(r.Reason))
	case r.Lookup != "":
		p.say("taken, where look-up %s knows the address; policy of %s", printable(r.Lookup), r.Domain)
	default:
		p.say("taken; policy of %s", r.Domain)
	}
}
