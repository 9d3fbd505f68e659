package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) policy() *cobra.Command {
	c := group(&cobra.Command{
		Use:     "policy",
		Short:   "What holds for whose mail",
		Example: `  gatepost policy explain ann@example.org --from bob@example.net --client 192.0.2.7`,
	})
	c.AddCommand(p.policyExplain())
	return c
}

func (p *program) policyExplain() *cobra.Command {
	var r ops.PolicyExplain
	c := &cobra.Command{
		Use:   "explain RCPT [--from SENDER] [--client IP]",
		Short: "Tell which lists, settings and filters mail to somebody meets, in order",
		Long: `Tells which entries of lists match mail to RCPT and which of them counts, what the
domain and the mailbox have set, and which filters are asked in which order. Without a
message: nothing is looked up in the DNS, learnt or counted. What would become of a
message tells ` + "`gatepost explain`.",
		Example: `  gatepost policy explain ann@example.org --from bob@example.net --client 192.0.2.7`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Recipient = args[0]
			return ask(p, cmd, r, p.showPolicy)
		},
	}
	f := c.Flags()
	f.StringVar(&r.From, "from", "", "reverse-path, the `address` in MAIL FROM; empty is the null reverse-path")
	f.StringVar(&r.Author, "author", "", "`address` in the From field (default: that of --from)")
	f.StringVar(&r.Client, "client", "", "`IP` address of the client")
	return c
}

func (p *program) showPolicy(e ops.EffectivePolicy) {
	if e.Policy == "" {
		e.Policy = "none: this address is judged by no filter"
	}
	p.record("recipient", e.Recipient, "domain", e.Domain, "mailboxes", join(e.Mailboxes), "policy", e.Policy, "disposition", e.Disposition,
		"level", orDash(e.Level != 0, e.Level), "spam from score", orDash(e.Required > 0, e.Required), "refused from score", orDash(e.RejectAt > 0, e.RejectAt))
	if e.Ban != nil {
		p.showClientBan(*e.Ban)
	}
	p.say("\nEntries of lists count in this order: %s.", e.Precedence)
	if len(e.Listed) == 0 {
		p.say("No entry of a list matches.")
	} else {
		t := p.table("OF", "ID", "LIST", "VALUE", "SCOPE", "EXPIRES", "COUNTS")
		for _, l := range e.Listed {
			t.row(l.Of, l.ID, l.List, l.Value, l.Scope, l.Expires, map[bool]string{true: "yes", false: "no, the one above does"}[l.Counts])
		}
		t.flush()
	}
	p.say("\nFilters are asked in this order; the first that ends the walk decides, and then only what runs always.")
	t := p.table("", "ENTRY", "STAGE", "EFFECTS", "LISTED")
	t.wide = true
	for i, f := range e.Filters {
		t.row(i+1, policyEntryName(f), f.Stage, orDash(len(f.Effects) > 0, strings.Join(f.Effects, ", ")), listedText(f))
	}
	t.flush()
}

// showClientBan prints the ban of the client.
func (p *program) showClientBan(b ops.ClientBan) {
	text := "it counts where ip-ban asks for it"
	if b.Void != "" {
		text = "void, since " + b.Void
	}
	p.say("\nThe client is banned:")
	p.record("network", b.Network, "cause", b.Cause, "until", b.Until, "state", text)
}

func policyEntryName(f ops.PolicyEntry) string {
	name := f.Entry
	if f.Gate {
		name = "gate " + name
	}
	if f.Always {
		name += " (always)"
	}
	if f.Shadow {
		name += " (in shadow)"
	}
	if f.Unless != "" {
		name += " (unless " + f.Unless + ")"
	}
	return name
}

func orDash(is bool, value any) any {
	if !is {
		return "-"
	}
	return value
}

// listedText says what an entry of a list does there.
func listedText(f ops.PolicyEntry) string {
	if f.Listed == 0 {
		return f.Says
	}
	return fmt.Sprintf("entry %d: %s", f.Listed, f.Says)
}
