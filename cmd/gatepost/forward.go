package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) forward() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "forward",
		Short: "Addresses whose mail is sent on to one elsewhere",
		Long: `Adds, lists, shows, changes and removes forwards: addresses here that store
nothing and whose mail is sent on to one address elsewhere, under a reverse-path of
ours (SRS). Spam is not sent on. To keep the mail, too, copy a mailbox:
gatepost mailbox set ADDRESS --copy-to ADDRESS.`,
		Example: `  gatepost forward add ann@example.org ann@elsewhere.example`,
	})
	c.AddCommand(p.forwardAdd(), p.forwardList(), p.forwardShow(), p.forwardSet(), p.forwardRemove())
	return c
}

func (p *program) forwardAdd() *cobra.Command {
	return &cobra.Command{
		Use:     "add ADDRESS TARGET",
		Short:   "Add a forward",
		Example: `  gatepost forward add ann@example.org ann@elsewhere.example`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.ForwardAdd{Address: args[0], Target: args[1]}, p.showForward)
		},
	}
}

func (p *program) forwardList() *cobra.Command {
	var r ops.ForwardList
	var page ops.Page
	c := &cobra.Command{
		Use:     "list [--domain NAME]",
		Short:   "List the forwards",
		Example: `  gatepost forward list --domain example.org`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request {
				r.Page = at
				return r
			}
			id := func(f ops.Forward) string { return f.Address }
			return askPages(p, cmd, page, search[ops.Forward]{request, id}, listing[ops.Forward]{"no forwards", []string{"FORWARD", "TARGET"}, func(f ops.Forward) []any {
				return []any{f.Address, f.Target}
			}})
		},
	}
	c.Flags().StringVar(&r.Domain, "domain", "", "only those of this domain (`name`)")
	paging(c, &page)
	return c
}

func (p *program) forwardShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ADDRESS",
		Short:   "Show a forward",
		Example: `  gatepost forward show ann@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.ForwardShow{Address: args[0]}, p.showForward)
		},
	}
}

func (p *program) forwardSet() *cobra.Command {
	return &cobra.Command{
		Use:     "set ADDRESS TARGET",
		Short:   "Replace a forward's target",
		Example: `  gatepost forward set ann@example.org ann@other.example`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.ForwardSet{Address: args[0], Target: args[1]}, p.showForward)
		},
	}
}

func (p *program) forwardRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove ADDRESS",
		Short:   "Remove a forward",
		Long:    "Removes a forward that nothing leads to.",
		Example: `  gatepost forward remove ann@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.ForwardRemove{Address: args[0]}, func(ops.Nothing) { p.say("removed %s", printable(args[0])) })
		},
	}
}

func (p *program) showForward(f ops.Forward) {
	p.say("%s → %s", printable(f.Address), printable(f.Target))
}
