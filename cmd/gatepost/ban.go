package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) ban() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "ban",
		Short: "Clients that are kept out for a while",
		Long: `Lists, shows, adds and lifts bans. The node bans an address, of IPv6 its /64, that
wrote to a trap, harvested addresses, broke the protocol or guessed passwords: for 10
minutes, then an hour, then a day (bans.ladder). The filter ip-ban sends it away, and
bans for guessed passwords and those by hand hold for IMAP, POP3, submission and the pages
too. All nodes share bans. Who is in trusted_relays, a proxy's network, bans.never or
the global allow list, and this machine, is never banned.`,
		Example: `  gatepost ban list
  gatepost ban add 192.0.2.7 --for 2d --note "floods us"
  gatepost ban lift 192.0.2.7 --reason "their administrator called"`,
	})
	c.AddCommand(p.banList(), p.banShow(), p.banAdd(), p.banLift())
	return c
}

func banListing(none string) listing[ops.Ban] {
	head := []string{"ID", "NETWORK", "CAUSE", "SINCE", "UNTIL", "HITS", "STATE", "NOTE"}
	return listing[ops.Ban]{none, head, func(b ops.Ban) []any {
		return []any{b.ID, b.Network, b.Cause, b.Imposed, b.Until, b.Hits, banState(b), b.Note}
	}}
}

func banState(b ops.Ban) string {
	switch {
	case b.Active && b.Void != "":
		return "void: " + printable(b.Void)
	case b.Active:
		return "active"
	case b.Lifted.IsZero():
		return "ended"
	}
	return "lifted by " + b.LiftedBy
}

func (p *program) banList() *cobra.Command {
	var r ops.BanList
	var page ops.Page
	c := &cobra.Command{
		Use:     "list [ADDRESS|NETWORK]",
		Short:   "List bans, the newest first",
		Long:    "Lists the bans that keep somebody out now, the newest first; with --all those of the last 30 days that ended, too.",
		Example: `  gatepost ban list --cause login --all`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				r.Network = args[0]
			}
			if page.After != "" {
				if _, err := strconv.ParseInt(page.After, 10, 64); err != nil {
					return usage("%q is not the id of a ban", page.After)
				}
			}
			request := func(at ops.Page) control.Request {
				after, _ := strconv.ParseInt(at.After, 10, 64) // an id, or "": 0
				r.Limit, r.After = at.Limit, after
				return r
			}
			id := func(b ops.Ban) string { return strconv.FormatInt(b.ID, 10) }
			return askPages(p, cmd, page, search[ops.Ban]{request, id}, banListing("nobody is banned"))
		},
	}
	c.Flags().StringVar(&r.Cause, "cause", "", "only bans for this `cause`: honeypot, harvest, protocol, login, admin")
	c.Flags().BoolVar(&r.All, "all", false, "those that ended, too")
	paging(c, &page)
	return c
}

func (p *program) banShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID|ADDRESS|NETWORK",
		Short: "Show the newest ban of an address, and those before it",
		Long: `Shows the newest ban of an address or network in full, whether it still holds or not,
and lists those before it: each within bans.memory made the next one longer.`,
		Example: `  gatepost ban show 192.0.2.7`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.BanShow{What: args[0]}, func(list []ops.Ban) {
				for i, b := range list {
					if i == 0 {
						p.showBan(b)
					}
				}
				if len(list) > 1 {
					p.say("\nbefore it:")
					_ = printList(p, list[1:], banListing("")) // there are some
				}
			})
		},
	}
}

func (p *program) showBan(b ops.Ban) {
	p.record("id", b.ID, "network", b.Network, "cause", b.Cause, "note", b.Note, "who", b.Who, "step", b.Step, "state", banState(b),
		"imposed", b.Imposed, "until", b.Until, "hits", b.Hits, "last hit", b.LastHit)
	if !b.Lifted.IsZero() {
		p.record("lifted", b.Lifted, "reason", b.Reason)
	}
}

func (p *program) banAdd() *cobra.Command {
	var r ops.BanAdd
	c := &cobra.Command{
		Use:   "add ADDRESS|NETWORK",
		Short: "Ban a client by hand",
		Long: `Bans an address, of IPv6 its /64, or a network up to a /16 (IPv6: /32), at every door.
It takes the place of the ban that is there. Who is to be refused for good belongs into
the block list (gatepost list add block), which allow entries of a domain can outrank.`,
		Example: `  gatepost ban add 198.51.100.0/24 --for 12h --note "call of 12 May"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := ahead(cmd.Flags(), "for", r.For); err != nil {
				return err
			}
			r.Network = args[0]
			return ask(p, cmd, r, p.showBan)
		},
	}
	c.Flags().Var(span{&r.For}, "for", "how long (10m, 12h, 30d; default: as bans.ladder says)")
	c.Flags().StringVar(&r.Note, "note", "", "a `remark` for whoever reads the list")
	return c
}

func (p *program) banLift() *cobra.Command {
	var r ops.BanLift
	c := &cobra.Command{
		Use:     "lift ID|ADDRESS|NETWORK",
		Short:   "Lift a ban",
		Long:    "Ends a ban before its time, on all nodes within a second. It is forgiven: the next one is not longer for it.",
		Example: `  gatepost ban lift 192.0.2.7 --reason "a customer's office"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.What = args[0]
			return ask(p, cmd, r, func(b ops.Ban) { p.say("lifted: %s", b.Network) })
		},
	}
	c.Flags().StringVar(&r.Reason, "reason", "", "a `remark` for whoever reads the list")
	return c
}
