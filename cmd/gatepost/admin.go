package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) admin() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "admin",
		Short: "Who may do what on the node's pages",
		Long: `Adds, lists, shows, changes and removes those who look after this node, and log in
to its pages. A password is read from standard input, never from the command line.

An operator may do everything. An admin has the domains that are named, a helpdesk
too, but only looks, releases and deletes there, and a reader only looks. Owners of
mailboxes log in with their addresses and need no entry here.

Where --right names rights, all else that the role may is closed to that admin:
` + rightsHelp,
		Example: `  gatepost admin add root --role operator < password
  gatepost admin add dora --role helpdesk --domain example.org < password`,
	})
	c.AddCommand(p.adminAdd(), p.adminList(), p.adminShow(), p.adminSet(), p.adminPassword(), p.adminRemove(),
		p.resetFactor("an admin", "NAME", "gatepost admin reset-factor dora", func(name string) control.Request { return ops.AdminResetFactor{Name: name} }))
	return c
}

const rightsHelp = `
  held.view       find and read held messages
  held.release    release them (with held.view, as all that changes has what shows it)
  held.delete     delete them
  held.ask        ask an operator for one with a virus or a dangerous attachment
  entry.view      see the allow and block lists
  entry.change    change them
  settings.view   see the settings of mailboxes
  settings.set    change them
  rules.change    see and change the domain's rules: with them mail can be copied
  message.view    what became of messages, sent and received
  queue.view      what waits to be sent on
  queue.change    try it now, hold it, remove it
  key.view        see the keys that sign mail
  key.change      make, replace and drop them
  sender.view     see servers and devices that send
  sender.change   add, change and remove them
  host.view       see the mail hosts that are the domain's own
  host.change     add, change and remove them: with them mail can be led elsewhere
  stop.view       see log-ins that may send nothing
  stop.change     stop one, and let it go on`

func (p *program) adminAdd() *cobra.Command {
	var r ops.AdminAdd
	c := &cobra.Command{
		Use:   "add NAME --role operator|admin|helpdesk|reader",
		Short: "Add an admin",
		Long: "Adds an admin, whose password is the first line of standard input. NAME is for the log-in: letters, digits, dots, underscores " +
			"and hyphens, in any case; or an address that is no mailbox here.",
		Example: `  gatepost admin add anton --role admin --domain example.org --domain example.net < password
  gatepost admin add vera --role admin --domain example.org --right held.release --right message.view < password`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			r.Name, r.Domains, r.Rights = args[0], given(r.Domains), given(r.Rights)
			if r.Password, err = p.readPassword(); err != nil {
				return err
			}
			return ask(p, cmd, r, p.showAdmin)
		},
	}
	adminFlags(c, &r.Role, &r.Language, &r.Domains, &r.Rights)
	_ = c.MarkFlagRequired("role") // it is there
	return c
}

func adminFlags(c *cobra.Command, role, language *string, domains, rights *[]string) {
	c.Flags().StringVar(role, "role", "", "`operator`, admin, helpdesk or reader")
	c.Flags().StringArrayVar(domains, "domain", nil, "`name` of a domain to look after; repeatable; an operator has all")
	c.Flags().StringArrayVar(rights, "right", nil, "`name` of what of the role's doings is allowed; repeatable; none or '': all of them")
	c.Flags().StringVar(language, "language", "", "`code` of the language of the pages: en, fr")
}

func (p *program) adminList() *cobra.Command {
	var r ops.AdminList
	var page ops.Page
	c := &cobra.Command{
		Use:     "list [--domain NAME]",
		Short:   "List the admins",
		Example: `  gatepost admin list --domain example.org`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request {
				r.Page = at
				return r
			}
			id := func(a ops.Admin) string { return a.Name }
			head := []string{"ADMIN", "ROLE", "STATE", "DOMAINS", "RIGHTS"}
			return askPages(p, cmd, page, search[ops.Admin]{request, id}, listing[ops.Admin]{"no admins", head, func(a ops.Admin) []any {
				return []any{a.Name, a.Role, a.State, domainsOf(a), rightsOf(a)}
			}})
		},
	}
	c.Flags().StringVar(&r.Domain, "domain", "", "only those who look after this domain (`name`), operators too")
	paging(c, &page)
	return c
}

func (p *program) adminShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Show an admin",
		Example: `  gatepost admin show dora`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.AdminShow{Name: args[0]}, p.showAdmin)
		},
	}
}

func (p *program) adminSet() *cobra.Command {
	var role, language, state string
	var domains, rights []string
	c := &cobra.Command{
		Use:   "set NAME",
		Short: "Change an admin",
		Long: "Changes what the flags name, and nothing else; the domains of --domain, and the rights of --right, stand instead of those that were there. " +
			"The last active operator can neither be suspended nor get another role.",
		Example: `  gatepost admin set dora --state suspended
  gatepost admin set dora --role admin --domain example.org --domain example.net
  gatepost admin set dora --right held.release --right queue.view`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f := cmd.Flags()
			domains, rights = given(domains), given(rights)
			r := ops.AdminSet{
				Name: args[0], Role: changed(f, "role", &role), Domains: changed(f, "domain", &domains),
				Rights: changed(f, "right", &rights), Language: changed(f, "language", &language), State: changed(f, "state", &state),
			}
			if r == (ops.AdminSet{Name: args[0]}) {
				return usage("nothing to change: give --role, --domain, --right, --language or --state")
			}
			return ask(p, cmd, r, p.showAdmin)
		},
	}
	adminFlags(c, &role, &language, &domains, &rights)
	c.Flags().StringVar(&state, "state", "", "`active` or suspended (no log-in)")
	return c
}

func (p *program) adminPassword() *cobra.Command {
	return &cobra.Command{
		Use:     "password NAME",
		Short:   "Give an admin a new password",
		Long:    "Gives an admin a new password, the first line of standard input. The old one is worth nothing from then on.",
		Example: `  gatepost admin password dora < password`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := p.readPassword()
			if err != nil {
				return err
			}
			return ask(p, cmd, ops.AdminSet{Name: args[0], Password: &password}, p.showAdmin)
		},
	}
}

func (p *program) adminRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME",
		Short:   "Remove an admin",
		Long:    "Removes an admin, but for the last active operator.",
		Example: `  gatepost admin remove dora`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.AdminRemove{Name: args[0]}, func(ops.Nothing) { p.say("removed %s", printable(args[0])) })
		},
	}
}

func (p *program) showAdmin(a ops.Admin) {
	p.record("admin", a.Name, "role", a.Role, "state", a.State, "domains", domainsOf(a), "rights", rightsOf(a), "language", a.Language, "created", a.Created)
	p.warn(a.Warnings)
}

func domainsOf(a ops.Admin) string {
	if a.Role == "operator" {
		return "all"
	}
	return join(a.Domains)
}

func rightsOf(a ops.Admin) string {
	if len(a.Rights) == 0 {
		return "all"
	}
	return join(a.Rights)
}
