package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) groups() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "group",
		Short: "Group mailboxes, which their members share",
		Long: `Adds, lists, shows and changes groups: mailboxes that nobody logs in to. Each member
finds the group's folders in his mail program as Groups/ADDRESS/…, its inbox and its Sent among
them, and may send as the group. A group is removed as other mailboxes are: gatepost mailbox remove.`,
		Example: `  gatepost group add support@example.org --member ann@example.org --member bob@example.org`,
	})
	c.AddCommand(p.groupAdd(), p.groupList(), p.groupShow(), p.groupSet())
	return c
}

func (p *program) groupAdd() *cobra.Command {
	var r ops.GroupAdd
	c := &cobra.Command{
		Use:   "add ADDRESS [--member WHO]...",
		Short: "Add a group",
		Long: "Adds a group, and its mailbox where there is none yet. Members have the rights write, and may send as the group; see group set.\n" +
			"WHO is as in share add.",
		Example: `  gatepost group add support@example.org --member ann@example.org --member helpers@example.org --language fr`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Address = args[0]
			return ask(p, cmd, r, p.showGroup)
		},
	}
	c.Flags().StringArrayVar(&r.Members, "member", nil, "`who` is in it; repeatable")
	c.Flags().StringVar(&r.Language, "language", "", "`code` of its folders' language: en, fr")
	return c
}

func (p *program) groupList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the groups",
		Example: `  gatepost group list`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd, ops.GroupList{}, func(list []ops.Group) {
				if len(list) == 0 {
					p.say("no groups")
					return
				}
				t := p.table()
				t.row("GROUP", "MEMBERS")
				for _, g := range list {
					t.row(g.Address, len(g.Members))
				}
				t.flush()
			})
		},
	}
}

func (p *program) groupShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ADDRESS",
		Short:   "Show a group and its members",
		Example: `  gatepost group show support@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.GroupShow{Address: args[0]}, p.showGroup)
		},
	}
}

func (p *program) groupSet() *cobra.Command {
	var r ops.GroupSet
	var send string
	c := &cobra.Command{
		Use:   "set ADDRESS",
		Short: "Take members into a group, or out of it",
		Long:  "Takes in those of --join, or changes what they may, and lets those of --leave go.",
		Example: `  gatepost group set support@example.org --join cy@example.org --rights read --send no
  gatepost group set support@example.org --leave bob@example.org`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Address, r.Send = args[0], changed(cmd.Flags(), "send", &send)
			if len(r.Join)+len(r.Leave) == 0 {
				return usage("nothing to change: give --join or --leave")
			}
			return ask(p, cmd, r, p.showGroup)
		},
	}
	c.Flags().StringArrayVar(&r.Join, "join", nil, "`who` is to be in it; repeatable")
	c.Flags().StringArrayVar(&r.Leave, "leave", nil, "`who` is not to be in it any more; repeatable")
	c.Flags().StringVar(&r.Rights, "rights", "", "of those who join: "+rightsUsage)
	c.Flags().StringVar(&send, "send", "", "how those who join may send: `as` the group, on-behalf, or no")
	return c
}

func (p *program) showGroup(g ops.Group) {
	p.record("group", g.Address)
	p.showMembers(g.Members)
}

func (p *program) showMembers(list []ops.Member) {
	if len(list) == 0 {
		return
	}
	t := p.table()
	t.row("WHO", "RIGHTS", "SENDS")
	for _, m := range list {
		t.row(m.Who, m.Rights, m.Send)
	}
	t.flush()
}

func (p *program) mailboxSenders() *cobra.Command {
	var r ops.MailboxSenders
	c := &cobra.Command{
		Use:   "senders ADDRESS",
		Short: "Say who may send for a mailbox, or show it",
		Long: `Shows who may send under a mailbox's address, and changes what the flags name. Who sends
"as" it is not told from its owner; who sends "on behalf" is named in the field Sender. To read
somebody's folders is another thing: see gatepost share.`,
		Example: `  gatepost mailbox senders ann@example.org --on-behalf secretary@example.org
  gatepost mailbox senders ann@example.org`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Address = args[0]
			return ask(p, cmd, r, func(list []ops.Member) {
				if len(list) == 0 {
					p.say("nobody else sends for %s", printable(args[0]))
					return
				}
				t := p.table()
				t.row("WHO", "SENDS")
				for _, m := range list {
					t.row(m.Who, m.Send)
				}
				t.flush()
			})
		},
	}
	c.Flags().StringArrayVar(&r.As, "as", nil, "`who` may send as it; repeatable")
	c.Flags().StringArrayVar(&r.OnBehalf, "on-behalf", nil, "`who` may send on its behalf; repeatable")
	c.Flags().StringArrayVar(&r.None, "none", nil, "`who` may not send for it any more; repeatable")
	return c
}
