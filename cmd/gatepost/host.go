package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) host() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "host",
		Short: "Mail hosts: servers that mail is handed to",
		Long: `Adds, lists, shows, changes and removes mail hosts: servers of customers or of
your own. Domains name those that take their mail (role smtp-in) and the one that
their outgoing mail goes over (role smtp-out, a smarthost); imap says where mailboxes
are. One that is in use can't be removed. One that is a domain's own is used by that domain alone, and its admins change it on
the page "Mail hosts".`,
		Example: `  gatepost host add exchange --address 192.0.2.10:25 --roles smtp-in,imap`,
	})
	c.AddCommand(p.hostAdd(), p.hostList(), p.hostShow(), p.hostSet(), p.hostRemove())
	return c
}

// hostFields are what flags say of a mail host.
type hostFields struct {
	domain, address, protocol, tls, spam, user, passwordFile string
	roles                                                    []string
	priority                                                 int
}

func (h *hostFields) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&h.domain, "domain", "", "`domain` whose own it is, which alone uses it; it has to be public, on one of relay.host_ports; empty is the node's")
	f.StringVar(&h.address, "address", "", "`host:port`, such as mail.example.org:25 or [2001:db8::1]:24")
	f.StringSliceVar(&h.roles, "roles", nil, "what it is for: imap, smtp-in, smtp-out; `roles` with commas between")
	f.StringVar(&h.protocol, "protocol", "", "`smtp` or lmtp, by which mail is handed to it")
	f.StringVar(&h.tls, "tls", "", "`may` (where offered), never, encrypt (or no mail) or verify (the certificate, too)")
	f.IntVar(&h.priority, "priority", 0, "the lowest `number` is tried first, equal ones share the load; 0 to 1000")
	f.StringVar(&h.spam, "spam", "", "what becomes of spam for recipients on it: `hold` it here, or tag (it goes on with a mark in the subject)")
	f.StringVar(&h.user, "user", "", "user `name` to log in with; empty is no log-in")
	f.StringVar(&h.passwordFile, "password-file", "", "`file` with the password in its first line; - is standard input")
}

func (p *program) hostAdd() *cobra.Command {
	var h hostFields
	c := &cobra.Command{
		Use:     "add NAME --address HOST:PORT --roles ROLES",
		Short:   "Add a mail host",
		Long:    "Adds a mail host. The password is read from a file or from standard input, never from the command line.",
		Example: `  gatepost host add exit --address smtp.example.net:587 --roles smtp-out --tls verify --user us --password-file /etc/gatepost/exit.password`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			r := ops.HostAdd{
				Name: args[0], Domain: h.domain, Address: h.address, Roles: h.roles, Protocol: h.protocol, TLS: h.tls, Priority: h.priority, Spam: h.spam, User: h.user,
			}
			if h.passwordFile != "" {
				if r.Password, err = p.passwordIn(h.passwordFile); err != nil {
					return err
				}
			}
			return ask(p, cmd, r, p.showHost)
		},
	}
	h.flags(c)
	require(c, "address", "roles")
	return c
}

func (p *program) hostList() *cobra.Command {
	var r ops.HostList
	var page ops.Page
	c := &cobra.Command{
		Use:     "list [--name TEXT] [--address TEXT] [--role ROLE] [--domain NAME]",
		Short:   "List the mail hosts",
		Long:    "Lists the mail hosts whose name and address have the given texts in them, that have the role, and that are the domain's own.",
		Example: `  gatepost host list --address 192.0.2. --role smtp-in`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request {
				r.Page = at
				return r
			}
			id := func(h ops.Host) string { return h.Name }
			head := []string{"HOST", "OF", "ADDRESS", "ROLES", "PROTOCOL", "TLS", "PRIORITY", "DOMAINS"}
			return askPages(p, cmd, page, search[ops.Host]{request, id}, listing[ops.Host]{"no mail hosts", head, func(h ops.Host) []any {
				return []any{h.Name, hostOf(h), h.Address, join(h.Roles), h.Protocol, h.TLS, h.Priority, h.Domains}
			}})
		},
	}
	f := c.Flags()
	f.StringVar(&r.Name, "name", "", "only those with this `text` in their name")
	f.StringVar(&r.Address, "address", "", "only those with this `text` in their address")
	f.StringVar(&r.Role, "role", "", "only those with this `role`: imap, smtp-in, smtp-out")
	f.StringVar(&r.Domain, "domain", "", "only those that are this `domain`'s own")
	paging(c, &page)
	return c
}

func (p *program) hostShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a mail host",
		Long:    "Shows a mail host, but for its password. `gatepost domain list --host NAME` has the domains that use it.",
		Example: `  gatepost host show exchange`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.HostShow{Name: args[0]}, p.showHost)
		},
	}
}

func (p *program) hostSet() *cobra.Command {
	var h hostFields
	c := &cobra.Command{
		Use:   "set NAME",
		Short: "Change a mail host",
		Long: "Changes what the flags name, and nothing else. --user \"\" takes user name and password away. Where one is a domain's own, another address, " +
			"user name or TLS needs the password again.",
		Example: `  gatepost host set exchange --address 192.0.2.11:25 --priority 10`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f := cmd.Flags()
			r := ops.HostSet{
				Name: args[0], Domain: changed(f, "domain", &h.domain), Address: changed(f, "address", &h.address), Roles: changed(f, "roles", &h.roles), Protocol: changed(f, "protocol", &h.protocol),
				TLS: changed(f, "tls", &h.tls), Priority: changed(f, "priority", &h.priority), Spam: changed(f, "spam", &h.spam), User: changed(f, "user", &h.user),
			}
			if h.passwordFile != "" {
				password, err := p.passwordIn(h.passwordFile)
				if err != nil {
					return err
				}
				r.Password = &password
			}
			if r == (ops.HostSet{Name: args[0]}) {
				return usage("nothing to change: give --domain, --address, --roles, --protocol, --tls, --priority, --spam, --user or --password-file")
			}
			return ask(p, cmd, r, p.showHost)
		},
	}
	h.flags(c)
	return c
}

func (p *program) hostRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME",
		Short:   "Remove a mail host",
		Long:    "Removes a mail host that no domain and not relay.smarthost of the configuration uses.",
		Example: `  gatepost host remove exchange`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.HostRemove{Name: args[0]}, func(ops.Nothing) { p.say("removed %s", printable(args[0])) })
		},
	}
}

// hostOf is whose own a mail host is.
func hostOf(h ops.Host) string { return cmp.Or(h.Domain, "the node") }

func (p *program) showHost(h ops.Host) {
	password := "none"
	if h.Password {
		password = "set"
	}
	node := "no"
	if h.Node {
		node = "yes (relay.smarthost)"
	}
	p.record("host", h.Name, "of", hostOf(h), "address", h.Address, "roles", join(h.Roles), "protocol", h.Protocol, "tls", h.TLS, "priority", h.Priority, "spam", h.Spam,
		"user", h.User, "password", password, "domains", h.Domains, "used by the node", node, "trouble", h.Trouble, "created", h.Created)
}
