package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) domain() *cobra.Command {
	c := group(&cobra.Command{
		Use:     "domain",
		Short:   "Domains whose mail this node takes",
		Long:    "Adds, lists, shows, changes and removes the domains whose mail this node takes.",
		Example: `  gatepost domain add example.org --disposition junk`,
	})
	c.AddCommand(p.domainAdd(), p.domainList(), p.domainShow(), p.domainRecords(), p.domainDKIM(), p.domainRules(), p.domainSet(), p.domainRemove())
	return c
}

// domainFields are what flags say of a domain.
type domainFields struct {
	policy, disposition, catchAll, smarthost, lookup, login string
	names, mailNames, hosts                                 []string

	challenge, allow, hours, zone, language string
	learn, outgoing, returns, addresses     string
	owners                                  []string
	limits                                  limitFlags
	total, totalMessages, junk, trash       string
	archive                                 string
}

func (d *domainFields) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&d.policy, "policy", "", "`name` of the policy its mail walks; empty is default_policy")
	f.StringVar(&d.disposition, "disposition", "", "what is done with spam: `quarantine`, junk or tag")
	f.StringArrayVar(&d.names, "name", nil, "another `name` of the domain, under which all its addresses hold; repeatable")
	f.StringArrayVar(&d.mailNames, "mail-name", nil, "`name` of this system that is its people's, such as mail.customer.example, for which a certificate is ordered (tls.acme); repeatable")
	f.StringVar(&d.catchAll, "catch-all", "", "`address` that gets mail for unknown addresses; empty: it is refused")
	f.StringArrayVar(&d.hosts, "host", nil, "mail host that takes what has no mailbox here (`name`, role smtp-in); repeatable")
	f.StringVar(&d.smarthost, "smarthost", "", "mail host that outgoing mail goes over (`name`, role smtp-out); empty is the node's way")
	f.StringVar(&d.lookup, "lookup", "", "`name` of the look-up that knows the recipients on the mail hosts, callout to ask them; empty: all are taken")
	f.StringVar(&d.login, "login", "", "`name` of the look-up (LDAP) that knows the passwords of its people; empty: they are kept here")
	f.StringVar(&d.challenge, "challenge", "", "how the sender of held spam is told: `reply` (in the answer to DATA, the default), notice (by mail) or off")
	f.StringVar(&d.allow, "challenge-allow", "", "who allows a sender that solved a challenge: `domain`, mailbox, none, or default for the node's")
	f.StringVar(&d.hours, "digest-hours", "", "`hours` at which owners get digests, such as 6,14; none, or default for the node's")
	f.StringVar(&d.zone, "zone", "", "time `zone` of these hours, such as Europe/Paris; empty is the node's")
	f.StringVar(&d.language, "language", "", "`code` of the language in which its people are written to: en, fr; empty is the node's")
	f.StringVar(&d.learn, "learn-outgoing", "", "who trusts those whom its people write to: the `mailbox` that wrote (the default), domain (all of it) or off")
	f.StringVar(&d.returns, "sign-returns", "", "whether what its people send leaves under signed return paths (BATV): `on` or off")
	f.StringVar(&d.outgoing, "outgoing", "", "`name` of the policy that judges what its people send; empty is submission.policy")
	f.StringVar(&d.addresses, "address-list", "", "whom owners of its mailboxes see of each other on a page: `off` (the default), groups (who is in a group with them) or domain (all)")
	d.limits.flags(f, "each mailbox", "none")
	f.StringVar(&d.total, "total", "", "`size` that all mailboxes together may take up, such as 100GiB, or none")
	f.StringVar(&d.totalMessages, "total-messages", "", "`number` of messages that all mailboxes together may hold, or none")
	f.StringVar(&d.junk, "junk-days", "", "`days` that mail stays in Junk folders; default for the node's, never")
	f.StringVar(&d.trash, "trash-days", "", "`days` that mail stays in Trash folders; default for the node's, never")
	f.StringVar(&d.archive, "archive-days", "", "`days` that all mail in and out is kept in the domain's archive; never (removed), or off")
	f.StringSliceVar(&d.owners, "owners", nil, "`what` owners of mailboxes may set: disposition, level, digest, lock, collect, with commas between; empty is nothing")
}

// orDefault turns the word for the node's own choice into what stands for it.
func orDefault(s string) string {
	if s == "default" {
		return ""
	}
	return s
}

// given returns the values of a repeatable flag; one that is empty stands for none.
func given(values []string) []string {
	return slices.DeleteFunc(values, func(s string) bool { return s == "" })
}

const domainHelp = `

Where a domain names mail hosts, mailboxes and aliases here come first and all other
addresses go to the hosts: so a domain may live in both places, and can move.`

func (p *program) domainAdd() *cobra.Command {
	var d domainFields
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a domain",
		Long:  "Adds a domain. From then on, within a second, mail for its mailboxes and aliases is taken." + domainHelp,
		Example: `  gatepost domain add example.org --policy early-reject
  gatepost domain add customer.example --host exchange --lookup people`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			bounds, err := d.bounds(cmd.Flags())
			if err != nil {
				return err
			}
			return ask(p, cmd, ops.DomainAdd{
				Quota: bounds.Quota, QuotaMessages: bounds.QuotaMessages, Inbound: bounds.Inbound, InboundBytes: bounds.InboundBytes, Total: bounds.Total, TotalMessages: bounds.TotalMessages,
				JunkDays: bounds.JunkDays, TrashDays: bounds.TrashDays, ArchiveDays: bounds.ArchiveDays,
				Name: args[0], Policy: d.policy, Disposition: d.disposition, Names: given(d.names), MailNames: given(d.mailNames), CatchAll: d.catchAll,
				Hosts: given(d.hosts), Smarthost: d.smarthost, Lookup: d.lookup, Login: d.login,
				Challenge: d.challenge, ChallengeAllow: orDefault(d.allow), DigestHours: orDefault(d.hours), Zone: d.zone,
				Language: d.language, Owners: given(d.owners), LearnOutgoing: d.learn, Outgoing: d.outgoing, SignReturns: d.returns,
				AddressList: d.addresses,
			}, p.showDomain)
		},
	}
	d.flags(c)
	return c
}

func (p *program) domainList() *cobra.Command {
	var r ops.DomainList
	var page ops.Page
	c := &cobra.Command{
		Use:     "list [--host NAME]",
		Short:   "List the domains",
		Example: `  gatepost domain list --json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request {
				r.Page = at
				return r
			}
			id := func(d ops.Domain) string { return d.Name }
			head := []string{"DOMAIN", "POLICY", "SPAM", "CHALLENGE", "DIGEST", "MAILBOXES", "ALIASES", "HOSTS"}
			return askPages(p, cmd, page, search[ops.Domain]{request, id}, listing[ops.Domain]{"no domains", head, func(d ops.Domain) []any {
				return []any{d.Name, d.Policy, d.Disposition, d.Challenge, d.DigestHours, d.Mailboxes, d.Aliases, join(d.Hosts)}
			}})
		},
	}
	c.Flags().StringVar(&r.Host, "host", "", "only those that use this mail host (`name`)")
	paging(c, &page)
	return c
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

func (p *program) domainRecords() *cobra.Command {
	return &cobra.Command{
		Use:   "records NAME",
		Short: "Show the DNS records that a domain should have",
		Long: "Shows the lines that belong into the zone of a domain: where its mail goes (MX), by which keys it is signed (TXT), and where mail programs find its mailboxes (SRV). " +
			"What clients.services and web.url say is in them.",
		Example: `  gatepost domain records example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.DomainRecords{Name: args[0]}, func(list []ops.DNSRecord) {
				for _, r := range list {
					fmt.Fprintln(p.out, r.Name, "IN", r.Type, r.Data)
				}
			})
		},
	}
}

func (p *program) domainSet() *cobra.Command {
	var d domainFields
	var shut, pages []string
	c := &cobra.Command{
		Use:   "set NAME",
		Short: "Change a domain",
		Long: "Changes what the flags name, and nothing else. An empty value clears: --host \"\", --catch-all \"\". " +
			"Repeatable flags stand instead of all that was there before." + domainHelp,
		Example: `  gatepost domain set example.org --disposition tag
  gatepost domain set example.org --name example.net --name example.com --catch-all ann@example.org
  gatepost domain set customer.example --host ""
  gatepost domain set example.org --address-list domain
  gatepost domain set example.org --no-page anti-spam,forwards
  gatepost domain set example.org --challenge reply --digest-hours 6,14 --zone Europe/Paris --owners disposition,digest`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f := cmd.Flags()
			names, mailNames, hosts, owners := given(d.names), given(d.mailNames), given(d.hosts), given(d.owners)
			shut, pages = given(shut), given(pages)
			d.allow, d.hours = orDefault(d.allow), orDefault(d.hours)
			bounds, err := d.bounds(f)
			if err != nil {
				return err
			}
			r := ops.DomainSet{
				Quota: bounds.Quota, QuotaMessages: bounds.QuotaMessages, Inbound: bounds.Inbound, InboundBytes: bounds.InboundBytes, Total: bounds.Total, TotalMessages: bounds.TotalMessages,
				JunkDays: bounds.JunkDays, TrashDays: bounds.TrashDays, ArchiveDays: bounds.ArchiveDays,
				Name: args[0], Policy: changed(f, "policy", &d.policy), Disposition: changed(f, "disposition", &d.disposition),
				Names: changed(f, "name", &names), CatchAll: changed(f, "catch-all", &d.catchAll), Hosts: changed(f, "host", &hosts),
				Smarthost: changed(f, "smarthost", &d.smarthost), Lookup: changed(f, "lookup", &d.lookup), Login: changed(f, "login", &d.login),
				Challenge: changed(f, "challenge", &d.challenge), ChallengeAllow: changed(f, "challenge-allow", &d.allow),
				DigestHours: changed(f, "digest-hours", &d.hours), Zone: changed(f, "zone", &d.zone), Language: changed(f, "language", &d.language),
				Owners: changed(f, "owners", &owners), LearnOutgoing: changed(f, "learn-outgoing", &d.learn), Outgoing: changed(f, "outgoing", &d.outgoing),
				SignReturns: changed(f, "sign-returns", &d.returns), Shut: changed(f, "shut", &shut), ShutPages: changed(f, "no-page", &pages), MailNames: changed(f, "mail-name", &mailNames),
				AddressList: changed(f, "address-list", &d.addresses),
			}
			if r == (ops.DomainSet{Name: args[0]}) {
				return usage("nothing to change: give --policy, --disposition, --name, --mail-name, --catch-all, --host, --smarthost, --lookup, --login, " +
					"--challenge, --challenge-allow, --digest-hours, --zone, --language, --owners, --learn-outgoing, --outgoing, --sign-returns, --address-list, " +
					"--quota, --quota-messages, --inbound, --inbound-bytes, --total, --total-messages, --junk-days, --trash-days, --archive-days, --shut or --no-page")
			}
			return ask(p, cmd, r, p.showDomain)
		},
	}
	d.flags(c)
	shutFlag(c, &shut, "its mailboxes")
	pagesFlag(c, &pages, "the owners of its mailboxes")
	return c
}

func (p *program) domainRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME",
		Short:   "Remove a domain",
		Long:    "Removes a domain that has neither mailboxes nor aliases any more, and that nothing leads to.",
		Example: `  gatepost domain remove example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.DomainRemove{Name: args[0]}, func(ops.Nothing) { p.say("removed %s", printable(args[0])) })
		},
	}
}

func (p *program) showDomain(d ops.Domain) {
	p.record("domain", d.Name, "policy", d.Policy, "spam", d.Disposition, "mailboxes", d.Mailboxes, "aliases", d.Aliases,
		"other names", join(d.Names), "mail names", join(d.MailNames), "catch-all", d.CatchAll, "mail hosts", join(d.Hosts), "smarthost", d.Smarthost, "look-up", d.Lookup, "passwords by", d.Login,
		"challenge", d.Challenge, "challenge allows", d.ChallengeAllow, "digest hours", d.DigestHours, "zone", d.Zone, "language", d.Language,
		"owners may set", join(d.Owners), "learns from sent", d.LearnOutgoing, "outgoing policy", d.Outgoing, "address list", d.AddressList,
		"messages", d.Messages, "bytes", d.Bytes, "quota", boundText(d.Each), "total", boundText(d.Total), "inbound", limitText(d.Each.Inbound, fmt.Sprint(d.Each.Inbound, " an hour")),
		"inbound bytes", limitText(d.Each.InboundBytes, fmt.Sprint(config.Size(d.Each.InboundBytes), " an hour")),
		"junk days", daysText(d.JunkDays), "trash days", daysText(d.TrashDays), "archive days", daysText(d.ArchiveDays), "created", d.Created)
	if len(d.Keys) > 0 {
		p.record("signing keys", join(d.Keys))
	}
	if l := d.Sends; l != nil {
		p.record("log-ins send a minute", limitOf(l.PerMinute), "an hour", limitOf(l.PerHour), "a day", limitOf(l.PerDay), "recipients a day", limitOf(l.Recipients))
	}
	if len(d.Admins) > 0 {
		p.record("admins", join(d.Admins))
	}
	if len(d.Shut) > 0 {
		p.record("shut services", join(d.Shut))
	}
	if len(d.ShutPages) > 0 {
		p.record("shut pages", join(d.ShutPages))
	}
	if len(d.Rules) > 0 {
		p.record("rules for mail", join(d.Rules))
	}
	if d.SignsReturns != nil {
		p.record("signs return paths since", *d.SignsReturns)
	}
	p.warn(d.Warnings)
}
