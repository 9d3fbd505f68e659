package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) domain() *cobra.Command {
	c := group(&cobra.Command{
		Use:     "domain",
		Short:   "Domains whose mail this node takes",
		Long:    "Adds, lists, shows, changes and removes the domains whose mail this node takes.",
		Example: `  gatepost domain add example.org --disposition junk`,
	})
	c.AddCommand(p.domainAdd(), p.domainList(), p.domainShow(), p.domainSet(), p.domainRemove())
	return c
}

func (p *program) domainAdd() *cobra.Command {
	var r ops.DomainAdd
	c := &cobra.Command{
		Use:     "add NAME",
		Short:   "Add a domain",
		Long:    "Adds a domain. From then on, within a second, mail for its mailboxes and aliases is taken.",
		Example: `  gatepost domain add example.org --policy early-reject`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Name = args[0]
			return ask(p, cmd, r, p.showDomain)
		},
	}
	domainFlags(c, &r.Policy, &r.Disposition)
	return c
}

func domainFlags(c *cobra.Command, policy, disposition *string) {
	c.Flags().StringVar(policy, "policy", "", "`name` of the policy its mail walks; empty is default_policy")
	c.Flags().StringVar(disposition, "disposition", "", "what is done with spam: `quarantine`, junk or tag")
}

func (p *program) domainList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the domains",
		Example: `  gatepost domain list --json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			head := []string{"DOMAIN", "POLICY", "SPAM", "MAILBOXES", "ALIASES"}
			return askList(p, cmd, ops.DomainList{}, listing[ops.Domain]{"no domains", head, func(d ops.Domain) []any {
				return []any{d.Name, d.Policy, d.Disposition, d.Mailboxes, d.Aliases}
			}})
		},
	}
}

func (p *program) domainShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a domain",
		Example: `  gatepost domain show example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.DomainShow{Name: args[0]}, p.showDomain)
		},
	}
}

func (p *program) domainSet() *cobra.Command {
	var policy, disposition string
	c := &cobra.Command{
		Use:     "set NAME",
		Short:   "Change a domain",
		Long:    "Changes what the flags name, and nothing else.",
		Example: `  gatepost domain set example.org --disposition tag`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f := cmd.Flags()
			r := ops.DomainSet{Name: args[0], Policy: changed(f, "policy", &policy), Disposition: changed(f, "disposition", &disposition)}
			if r.Policy == nil && r.Disposition == nil {
				return usage("nothing to change: give --policy or --disposition")
			}
			return ask(p, cmd, r, p.showDomain)
		},
	}
	domainFlags(c, &policy, &disposition)
	return c
}

func (p *program) domainRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME",
		Short:   "Remove a domain",
		Long:    "Removes a domain that has neither mailboxes nor aliases any more.",
		Example: `  gatepost domain remove example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.DomainRemove{Name: args[0]}, func(ops.Nothing) { p.say("removed %s", printable(args[0])) })
		},
	}
}

func (p *program) showDomain(d ops.Domain) {
	p.record("domain", d.Name, "policy", d.Policy, "spam", d.Disposition, "mailboxes", d.Mailboxes, "aliases", d.Aliases, "created", d.Created)
}
