package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) collector() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "collector",
		Short: "Mail fetched from accounts at other servers",
		Long: `Has mail fetched from POP3 and IMAP accounts elsewhere into mailboxes here. It is judged by the
policy of the mailbox's domain, by the client that handed it to the other server. Nothing can be refused
any more: what the policy would reject is held. Each message is taken once, whatever is killed when.`,
		Example: `  gatepost collector add ann-old ann@example.org --server pop.example.net --protocol pop3 --user ann --password-file -`,
	})
	c.AddCommand(p.collectorAdd(), p.collectorSet(), p.collectorList(), p.collectorShow(), p.collectorRun(), p.collectorPause(), p.collectorRemove())
	return c
}

// collectorFlags are what flags say of a collector.
type collectorFlags struct {
	domain, protocol, server, security, fingerprint, user, passwordFile, remove, only, octets, mailbox string
	folders, networks, fields                                                                          []string
	interval                                                                                           time.Duration
	messages, hops                                                                                     int
}

func (o *collectorFlags) flags(f *pflag.FlagSet) {
	f.StringVar(&o.protocol, "protocol", "", "`imap` (the default) or pop3")
	f.StringVar(&o.server, "server", "", "`host` or host:port of the other server")
	f.StringVar(&o.security, "tls", "", "`tls` (from the first octet, the default), starttls (or no log-in), none (no TLS, and no log-in that shows the password) or clear")
	f.StringVar(&o.fingerprint, "fingerprint", "", "`SHA-256` of the one certificate to take, instead of a verified one")
	f.StringVar(&o.user, "user", "", "user `name` there")
	f.StringVar(&o.passwordFile, "password-file", "", "`file` with the password in its first line; - is standard input")
	f.StringSliceVar(&o.folders, "folders", nil, "`folders` of IMAP, with commas between; INBOX by default")
	f.Var(span{&o.interval}, "interval", "how often it is fetched: 1m to 7d, 10m by default")
	f.StringVar(&o.only, "only", "", "`all` (the default), or new: what came before the first visit stays out")
	f.StringVar(&o.remove, "remove", "", "when what was taken is removed there: `never` (the default), at-once, or an age such as 14d")
	f.IntVar(&o.messages, "messages", 0, "at most so many in one visit; 1000 by default (`number`)")
	f.StringVar(&o.octets, "octets", "", "at most so much in one visit; 1GiB by default (`size`)")
	f.IntVar(&o.hops, "hops", 0, "how many Received fields the other provider writes; 0: the client is the first public address from the top (`number`)")
	f.StringSliceVar(&o.networks, "networks", nil, "the provider's own `networks`, which are no clients")
	f.StringVar(&o.domain, "domain", "", "the account is a whole `domain`'s: who gets a message stands in its header, and MAILBOX gets the rest")
	f.StringSliceVar(&o.fields, "fields", nil, "where that stands, in order; Delivered-To,Envelope-To,X-Original-To by default (`fields`)")
}

// read makes of flags what is asked of the node.
func (o *collectorFlags) read(p *program, f *pflag.FlagSet) (r ops.CollectorFields, err error) {
	r = ops.CollectorFields{
		Domain: changed(f, "domain", &o.domain), Protocol: changed(f, "protocol", &o.protocol), Server: changed(f, "server", &o.server),
		Security: changed(f, "tls", &o.security), Fingerprint: changed(f, "fingerprint", &o.fingerprint), User: changed(f, "user", &o.user),
		Folders: changed(f, "folders", &o.folders), Interval: changed(f, "interval", &o.interval), Messages: changed(f, "messages", &o.messages),
		Hops: changed(f, "hops", &o.hops), Networks: changed(f, "networks", &o.networks), Fields: changed(f, "fields", &o.fields),
	}
	if f.Changed("only") {
		only := o.only == "new"
		if r.New = &only; !only && o.only != "all" {
			return r, usage("--only %q: write all or new", o.only)
		}
	}
	if f.Changed("remove") {
		age, err := removeAge(o.remove)
		if err != nil {
			return r, err
		}
		r.Remove = &age
	}
	if f.Changed("octets") {
		size, err := config.ParseSize(o.octets)
		if err != nil {
			return r, usage("--octets: %v", err)
		}
		octets := int64(size)
		r.Octets = &octets
	}
	if o.passwordFile != "" {
		password, err := p.passwordIn(o.passwordFile)
		if err != nil {
			return r, err
		}
		r.Password = &password
	}
	return r, nil
}

// removeAge reads when messages are removed; negative is never.
func removeAge(s string) (time.Duration, error) {
	switch s {
	case "never":
		return -1, nil
	case "at-once":
		return 0, nil
	}
	age, err := config.ParseDuration(s)
	if err != nil || age < 0 {
		return 0, usage("--remove %q: write never, at-once, or an age such as 14d", s)
	}
	return age, nil
}

func (p *program) collectorAdd() *cobra.Command {
	var o collectorFlags
	c := &cobra.Command{
		Use:   "add NAME MAILBOX --server HOST --user USER --password-file FILE",
		Short: "Have an account's mail fetched",
		Long: `Has the mail of an account elsewhere fetched into a mailbox, from now on. The password is read from a
file or from standard input, never from the command line, and kept encrypted. With --domain the account is that of a
whole domain: a message goes to the addresses that the other provider wrote above its Received fields (--hops of
them), and to MAILBOX where it names none that exists.`,
		Example: `  gatepost collector add ann-old ann@example.org --server pop.example.net --protocol pop3 --user ann --password-file - --remove 14d
  gatepost collector add all postmaster@example.org --domain example.org --server imap.example.net --user catchall --password-file /root/p`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			fields, err := o.read(p, cmd.Flags())
			if err != nil {
				return err
			}
			return ask(p, cmd, ops.CollectorAdd{Name: args[0], Mailbox: args[1], CollectorFields: fields}, p.showCollector)
		},
	}
	o.flags(c.Flags())
	require(c, "server", "user", "password-file")
	return c
}

func (p *program) collectorSet() *cobra.Command {
	var o collectorFlags
	c := &cobra.Command{
		Use:     "set NAME",
		Short:   "Change a collector",
		Long:    "Changes what the flags name, and nothing else, and has the account fetched at once. Another server needs the password anew.",
		Example: `  gatepost collector set ann-old --interval 5m --remove at-once`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f := cmd.Flags()
			fields, err := o.read(p, f)
			if err != nil {
				return err
			}
			r := ops.CollectorSet{Name: args[0], Mailbox: changed(f, "mailbox", &o.mailbox), CollectorFields: fields}
			if r == (ops.CollectorSet{Name: args[0]}) {
				return usage("nothing to change: give one of the flags")
			}
			return ask(p, cmd, r, p.showCollector)
		},
	}
	o.flags(c.Flags())
	c.Flags().StringVar(&o.mailbox, "mailbox", "", "the `address` of another mailbox")
	return c
}

func (p *program) collectorList() *cobra.Command {
	var r ops.CollectorList
	var page ops.Page
	c := &cobra.Command{
		Use:     "list [--mailbox ADDRESS] [--failing]",
		Short:   "List the collectors",
		Long:    "Lists the accounts that mail is fetched from, with when that was last done, and what went wrong.",
		Example: `  gatepost collector list --failing`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request {
				r.Page = at
				return r
			}
			head := []string{"NAME", "MAILBOX", "SERVER", "STATE", "LAST", "TAKEN", "UNFIT", "FAULT"}
			return askPages(p, cmd, page, search[ops.Collector]{request, func(o ops.Collector) string { return o.Name }}, listing[ops.Collector]{"no collectors", head, func(o ops.Collector) []any {
				return []any{o.Name, o.Mailbox, o.Server, collectorState(o), sometime(o.Last), o.Taken, o.Left, o.Fault}
			}})
		},
	}
	c.Flags().StringVar(&r.Mailbox, "mailbox", "", "only those of this `address`")
	c.Flags().BoolVar(&r.Failing, "failing", false, "only those whose last visit failed")
	paging(c, &page)
	return c
}

// sometime is a time that may not have come.
func sometime(t *time.Time) any {
	if t == nil {
		return "never"
	}
	return *t
}

func setUpBy(o ops.Collector) string {
	if o.Owned {
		return "owner"
	}
	return "operator"
}

func collectorState(o ops.Collector) string {
	switch {
	case o.Paused:
		return "paused"
	case o.Failures > 0:
		return fmt.Sprintf("failed %d times", o.Failures)
	case o.Last == nil:
		return "new"
	}
	return "good"
}

func (p *program) collectorShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a collector",
		Long:    "Shows an account that mail is fetched from, but for its password.",
		Example: `  gatepost collector show ann-old`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.CollectorShow{Name: args[0]}, p.showCollector)
		},
	}
}

func (p *program) collectorRun() *cobra.Command {
	return &cobra.Command{
		Use:     "run NAME",
		Short:   "Fetch an account's mail now",
		Long:    "Fetches an account's mail now, waits for that, and shows what came of it. It fails where the visit did.",
		Example: `  gatepost collector run ann-old`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var fault string
			err := ask(p, cmd, ops.CollectorRun{Name: args[0]}, func(o ops.Collector) {
				p.showCollector(o)
				fault = o.Fault
			})
			if err == nil && fault != "" {
				err = fmt.Errorf("collector %s: %s", args[0], printable(fault))
			}
			return err
		},
	}
}

func (p *program) collectorPause() *cobra.Command {
	var off bool
	c := &cobra.Command{
		Use:     "pause NAME [--off]",
		Short:   "Stop fetching for a while",
		Long:    "Has an account not fetched until --off says otherwise. What was taken is remembered.",
		Example: `  gatepost collector pause ann-old`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			paused := !off
			return ask(p, cmd, ops.CollectorSet{Name: args[0], Paused: &paused}, p.showCollector)
		},
	}
	c.Flags().BoolVar(&off, "off", false, "have it fetched again")
	return c
}

func (p *program) collectorRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME",
		Short:   "Fetch an account's mail no more",
		Long:    "Forgets an account, and what was taken from it. Mail stays where it is, here and there; added again, all of it is fetched again.",
		Example: `  gatepost collector remove ann-old`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.CollectorRemove{Name: args[0]}, func(ops.Nothing) { p.say("removed %s", printable(args[0])) })
		},
	}
}

func (p *program) showCollector(o ops.Collector) {
	remove := o.Remove.String()
	switch {
	case o.Remove < 0:
		remove = "never"
	case o.Remove == 0:
		remove = "at once"
	}
	p.record("collector", o.Name, "mailbox", o.Mailbox, "domain", o.Domain, "protocol", o.Protocol, "server", o.Server, "tls", o.Security, "fingerprint", o.Fingerprint,
		"user", o.User, "folders", join(o.Folders), "interval", o.Interval, "only new", o.New, "removed there", remove, "messages at most", o.Messages, "octets at most", o.Octets,
		"hops", o.Hops, "networks", join(o.Networks), "fields", join(o.Fields), "set up by", setUpBy(o), "address", o.Identity, "owner sends as it", o.Confirmed != nil, "state", collectorState(o), "last", sometime(o.Last), "fault", o.Fault,
		"taken", o.Taken, "octets", o.Size, "unfit", o.Left)
}
