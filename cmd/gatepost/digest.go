package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) quarantineDigest() *cobra.Command {
	var r ops.QuarantineDigest
	c := &cobra.Command{
		Use:   "digest ADDRESS",
		Short: "Show what an owner would be told of held messages now",
		Long: `Shows what the owner of a mailbox would be told of held messages now, as the mail says
it, but for the links. With --send the mail is sent, whatever the hour.`,
		Example: `  gatepost quarantine digest ann@example.org
  gatepost quarantine digest ann@example.org --send`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Address = args[0]
			return ask(p, cmd, r, p.showDigest)
		},
	}
	c.Flags().BoolVar(&r.Send, "send", false, "send it now")
	return c
}

func (p *program) showDigest(d ops.Digest) {
	switch {
	case d.Text == "" && d.Last.IsZero():
		p.say("nothing to tell %s", d.Address)
	case d.Text == "":
		p.say("nothing new to tell %s since %s", d.Address, d.Last.In(p.zone).Format("2006-01-02 15:04"))
	case d.Sent:
		p.say("sent to %s:\n\n%s", d.Address, d.Text)
	default:
		p.say("%s", d.Text)
	}
}
