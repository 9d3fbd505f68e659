package main

import (
	"encoding/pem"
	"os"

	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
)

func (p *program) sender() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "sender",
		Short: "Servers and devices that send without a person",
		Long: `Adds, lists, shows, changes and removes senders: a customer's server, or a device such
as a scanner. One is known by a log-in, by a TLS client certificate (on the ports of
submission) or by its address (there and on port 25). It reads no mail, sends only as its domains, and is held to the limits
and the policy of what people send. Nobody else relays.`,
		Example: `  gatepost sender add scanner@example.org --network 192.0.2.7
  gatepost sender add erp@example.org --login`,
	})
	c.AddCommand(p.senderAdd(), p.senderList(), p.senderShow(), p.senderSet(), p.senderRemove())
	return c
}

// senderFields are what flags say of a sender.
type senderFields struct{ also, certificates, networks []string }

func (s *senderFields) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringSliceVar(&s.also, "also", nil, "further `domains` as which it sends, with commas between")
	f.StringSliceVar(&s.certificates, "certificate", nil, "`file` with a certificate in PEM, or the SHA-256 of its key in hexadecimal digits; several with commas")
	f.StringSliceVar(&s.networks, "network", nil, "`networks` or addresses that are its own, with commas between")
}

func (p *program) senderAdd() *cobra.Command {
	var s senderFields
	r := ops.SenderAdd{}
	c := &cobra.Command{
		Use:   "add ADDRESS [--login] [--certificate FILE] [--network NETWORK]",
		Short: "Add a sender",
		Long: `Adds a sender of the domain in its name. The name is what it logs in as and what
the journal calls it; mail to it goes nowhere, unless an alias has it. With --login
a password is made and shown once. Of a certificate the key is what counts: whoever signed it,
and until when it is good, is not asked.`,
		Example: `  gatepost sender add scanner@example.org --network 192.0.2.7
  gatepost sender add relay@example.org --certificate relay.pem --also example.net`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			r.Name, r.Also, r.Networks = args[0], s.also, s.networks
			if r.Keys, err = keysOf(s.certificates); err != nil {
				return err
			}
			if !r.Login && len(r.Keys)+len(r.Networks) == 0 {
				return usage("nothing tells who it is: give --login, --certificate or --network")
			}
			return ask(p, cmd, r, p.showSender)
		},
	}
	s.flags(c)
	c.Flags().BoolVar(&r.Login, "login", false, "make a password, and show it once")
	return c
}

func (p *program) senderList() *cobra.Command {
	var r ops.SenderList
	var page ops.Page
	c := &cobra.Command{
		Use:     "list [--domain NAME]",
		Short:   "List the senders",
		Example: `  gatepost sender list --domain example.org`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request {
				r.Page = at
				return r
			}
			id := func(s ops.Sender) string { return s.Name }
			head := []string{"SENDER", "DOMAINS", "LOG-IN", "CERTIFICATES", "NETWORKS", "STATE"}
			return askPages(p, cmd, page, search[ops.Sender]{request, id}, listing[ops.Sender]{"no senders", head, func(s ops.Sender) []any {
				return []any{s.Name, join(s.Domains), onOrOff(s.Login), len(s.Keys), join(s.Networks), senderState(s)}
			}})
		},
	}
	c.Flags().StringVar(&r.Domain, "domain", "", "only those of this domain's `name`")
	paging(c, &page)
	return c
}

func (p *program) senderShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ADDRESS",
		Short:   "Show a sender",
		Long:    "Shows a sender, but for its password. `gatepost submission show ADDRESS` has what it sent.",
		Example: `  gatepost sender show scanner@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.SenderShow{Name: args[0]}, p.showSender)
		},
	}
}

func (p *program) senderSet() *cobra.Command {
	var s senderFields
	var login, off, on bool
	c := &cobra.Command{
		Use:   "set ADDRESS",
		Short: "Change a sender",
		Long: `Changes what the flags name, and nothing else; lists take the place of those that
were. --login makes a new password, --login=false takes it away. --off has it send nothing until --on; admins of its domain can switch it on no more,
nor change or remove it.`,
		Example: `  gatepost sender set scanner@example.org --network 192.0.2.8,192.0.2.9`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f := cmd.Flags()
			r := ops.SenderSet{Name: args[0], Also: changed(f, "also", &s.also), Networks: changed(f, "network", &s.networks), Login: changed(f, "login", &login)}
			if f.Changed("certificate") {
				keys, err := keysOf(s.certificates)
				if err != nil {
					return err
				}
				r.Keys = &keys
			}
			if off || on {
				r.Off = &off
			}
			if r == (ops.SenderSet{Name: args[0]}) {
				return usage("nothing to change: give --also, --login, --certificate, --network, --off or --on")
			}
			return ask(p, cmd, r, p.showSender)
		},
	}
	s.flags(c)
	c.Flags().BoolVar(&login, "login", false, "make a new password, and show it once; --login=false: none")
	c.Flags().BoolVar(&off, "off", false, "it sends nothing for now")
	c.Flags().BoolVar(&on, "on", false, "it sends again")
	c.MarkFlagsMutuallyExclusive("off", "on")
	return c
}

func (p *program) senderRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove ADDRESS",
		Short:   "Remove a sender",
		Example: `  gatepost sender remove scanner@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.SenderRemove{Name: args[0]}, func(ops.Nothing) { p.say("removed %s", printable(args[0])) })
		},
	}
}

// senderState is off where the domain's admins can switch it on, barred where only operators can.
func senderState(s ops.Sender) string {
	if s.Barred {
		return "barred"
	}
	return onOrOff(!s.Off)
}

func (p *program) showSender(s ops.Sender) {
	p.record("sender", s.Name, "domains", join(s.Domains), "log-in", onOrOff(s.Login), "certificates", join(s.Keys), "networks", join(s.Networks),
		"state", senderState(s), "created", s.Created)
	if s.Password != "" {
		p.say("password: %s", s.Password)
	}
	for _, w := range s.Warnings {
		p.say("warning: %s", printable(w))
	}
}

// keysOf are the SHA-256 of the keys of certificates, each given by itself or by a file.
func keysOf(certificates []string) (keys []string, err error) {
	for _, text := range certificates {
		key, err := directory.ParseKey(text)
		if err != nil {
			if key, err = keyIn(text); err != nil {
				return nil, err
			}
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// maxCertificate bounds a certificate's file, in octets.
const maxCertificate = 1 << 20

// keyIn is the SHA-256 of the key of the first certificate in a file.
func keyIn(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil || info.Size() > maxCertificate {
		return "", usage("--certificate %s: neither a file with a certificate nor the SHA-256 of its key, 64 hexadecimal digits", file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		key, err := directory.CertificateKey(block.Bytes)
		if err != nil {
			return "", usage("--certificate %s: %v", file, err)
		}
		return key, nil
	}
	return "", usage("--certificate %s: there is no certificate in it; it begins with -----BEGIN CERTIFICATE-----", file)
}
