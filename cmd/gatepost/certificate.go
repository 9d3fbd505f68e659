package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) certificate() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "certificate",
		Short: "The certificates that this system shows",
		Long: `Lists the certificates that this node shows to who asks for a name, and has an authority give new ones.

They are from files (tls.cert, tls.certificates), from an authority (tls.acme), or made by the node itself.`,
		Example: `  gatepost certificate list`,
	})
	c.AddCommand(p.certificateList(), p.certificateShow(), p.certificateRenew(), p.certificateRekey())
	return c
}

func (p *program) certificateList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the certificates, and what is wrong with them",
		Long:    "Lists the certificates, the node's own first, which who asks for no name that there is gets.",
		Example: `  gatepost certificate list --json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd, ops.CertificateList{}, func(list []ops.Certificate) {
				t := p.table("NAMES", "ISSUER", "UNTIL", "FROM", "RENEWAL")
				var problems []string
				for _, c := range list {
					t.row(join(c.Names), c.Issuer, orNever(c.Until), c.From, orNever(c.Renewal))
					if c.Problem != "" {
						problems = append(problems, strings.TrimPrefix(join(c.Names)+": "+c.Problem, ": "))
					}
				}
				t.flush()
				p.warn(problems)
			})
		},
	}
}

// orNever is a time as it is shown, where there may be none.
func orNever(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func (p *program) certificateShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show the certificates of a name, and the TLSA records for it",
		Long: `Shows the certificates of a name, and the records that tell other servers its key (DANE). They are for zones that
are signed by DNSSEC, of the name that MX records lead to, and stay true as long as the key does: certificates that
an authority gave keep theirs (tls.acme.reuse_key).`,
		Example: `  gatepost certificate show mx.example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.CertificateShow{Name: args[0]}, func(list []ops.Certificate) { p.showCertificates(args[0], list) })
		},
	}
}

// showCertificates shows what there is for a name.
func (p *program) showCertificates(name string, list []ops.Certificate) {
	for _, c := range list {
		p.record("names", join(c.Names), "from", c.From, "shown to all others", c.Own, "issuer", c.Issuer, "since", orNever(c.Since), "until", orNever(c.Until),
			"renewal", orNever(c.Renewal), "problem", c.Problem)
		for _, data := range c.TLSA {
			fmt.Fprintln(p.out, printable(fmt.Sprintf("_25._tcp.%s. IN TLSA %s", name, data)))
		}
	}
}

func (p *program) certificateRenew() *cobra.Command {
	return &cobra.Command{
		Use:   "renew NAME",
		Short: "Have the certificate of a name ordered now",
		Long: `Has the authority asked for a new certificate now, also where it failed and would be tried later. The node that does
the work for all nodes orders it within seconds; what became of it list shows.`,
		Example: `  gatepost certificate renew mail.customer.example`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.changeCertificate(cmd, args[0], ops.CertificateRenew{Name: args[0]})
		},
	}
}

func (p *program) certificateRekey() *cobra.Command {
	var r ops.CertificateRekey
	c := &cobra.Command{
		Use:   "rekey NAME [--now]",
		Short: "Give a name a new key",
		Long: `Makes a new key for a name, and shows the TLSA record of it beside that of the one in use: publish both. The new key
is taken when the certificate is next renewed, three days from now at the earliest; after that take the old record
away. Where somebody else knows the old key --now takes the new one at once; have the authority revoke the old
certificate then.`,
		Example: `  gatepost certificate rekey mx.example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Name = args[0]
			return p.changeCertificate(cmd, args[0], r)
		},
	}
	c.Flags().BoolVar(&r.Now, "now", false, "take the new key at once")
	return c
}

func (p *program) changeCertificate(cmd *cobra.Command, name string, r control.Request) error {
	return ask(p, cmd, r, func(list []ops.Certificate) { p.showCertificates(name, list) })
}
