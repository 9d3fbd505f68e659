package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) alias() *cobra.Command {
	c := group(&cobra.Command{
		Use:     "alias",
		Short:   "Addresses whose mail goes to other addresses",
		Long:    "Adds, lists, shows, changes and removes aliases: addresses whose mail goes to one or more others, here or elsewhere. An alias keeps nothing.",
		Example: `  gatepost alias add sales@example.org ann@example.org bob@example.org`,
	})
	c.AddCommand(p.aliasAdd(), p.aliasList(), p.aliasShow(), p.aliasSet(), p.aliasRemove())
	return c
}

func (p *program) aliasAdd() *cobra.Command {
	return &cobra.Command{
		Use:     "add ADDRESS TARGET...",
		Short:   "Add an alias",
		Long:    "Adds an alias. One that would lead back to itself is refused.",
		Example: `  gatepost alias add info@example.org ann@example.org`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.AliasAdd{Address: args[0], Targets: args[1:]}, p.showAlias)
		},
	}
}

func (p *program) aliasList() *cobra.Command {
	var r ops.AliasList
	var page ops.Page
	c := &cobra.Command{
		Use:     "list [--domain NAME]",
		Short:   "List the aliases",
		Example: `  gatepost alias list --domain example.org`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request {
				r.Page = at
				return r
			}
			id := func(a ops.Alias) string { return a.Address }
			head := []string{"ALIAS", "TARGETS"}
			return askPages(p, cmd, page, search[ops.Alias]{request, id}, listing[ops.Alias]{"no aliases", head, func(a ops.Alias) []any {
				return []any{a.Address, join(a.Targets)}
			}})
		},
	}
	c.Flags().StringVar(&r.Domain, "domain", "", "only those of this domain (`name`)")
	paging(c, &page)
	return c
}

func (p *program) aliasShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ADDRESS",
		Short:   "Show an alias",
		Example: `  gatepost alias show sales@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.AliasShow{Address: args[0]}, p.showAlias)
		},
	}
}

func (p *program) aliasSet() *cobra.Command {
	return &cobra.Command{
		Use:     "set ADDRESS TARGET...",
		Short:   "Replace an alias's targets",
		Example: `  gatepost alias set sales@example.org bob@example.org`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.AliasSet{Address: args[0], Targets: args[1:]}, p.showAlias)
		},
	}
}

func (p *program) aliasRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove ADDRESS",
		Short:   "Remove an alias",
		Long:    "Removes an alias that nothing leads to.",
		Example: `  gatepost alias remove sales@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.AliasRemove{Address: args[0]}, func(ops.Nothing) { p.say("removed %s", printable(args[0])) })
		},
	}
}

func (p *program) showAlias(a ops.Alias) {
	p.say("%s → %s", printable(a.Address), printable(join(a.Targets)))
}
