package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) dmarc() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "dmarc",
		Short: "What comes in your domains' names, here and elsewhere",
		Long: `Shows what mail in the names of your domains is like: what came here, and what
others report that came to them (DMARC aggregate reports to dmarc.addresses). A message
passes where SPF or DKIM proves its author's domain. What others report is their word;
only reports whose sender is proven are counted, each once.`,
		Example: `  gatepost dmarc list
  gatepost dmarc show example.org --since 7d`,
	})
	c.AddCommand(p.dmarcList(), p.dmarcShow())
	return c
}

func (p *program) dmarcList() *cobra.Command {
	var r ops.DMARCList
	c := &cobra.Command{
		Use:     "list",
		Short:   "List your domains with how much mail passes",
		Long:    `Lists each domain and who saw mail in its name, this node among them: how many messages, how many passed.`,
		Example: `  gatepost dmarc list --since 30d`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			head := []string{"DOMAIN", "REPORTER", "MESSAGES", "PASSED", "DKIM", "SPF", "HELD OR REFUSED"}
			return askList(p, cmd, r, listing[ops.DMARCSum]{"nothing is known of mail in the names of your domains", head, func(s ops.DMARCSum) []any {
				return []any{s.Domain, reporter(s), s.Messages, passed(s.Passed, s.Messages), s.DKIM, s.SPF, s.Acted}
			}})
		},
	}
	c.Flags().Var(moment{&r.Since, p.now, p.zone}, "since", "of this day and later (2026-11-22), or not older than this (7d)")
	return c
}

func (p *program) dmarcShow() *cobra.Command {
	var r ops.DMARCShow
	c := &cobra.Command{
		Use:   "show DOMAIN",
		Short: "Show from where mail in a domain's name comes",
		Long: `Shows the networks (/24, of IPv6 /64) from which mail in a domain's name came, those of most messages first, as
this node and others saw it, and the newest reports. A network of yours whose mail does not pass lacks SPF or DKIM;
one that you do not know sends in your name.`,
		Example: `  gatepost dmarc show example.org
  gatepost dmarc show example.org --since 2026-11-01 --limit 1000 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Domain = args[0]
			return ask(p, cmd, r, p.showDMARC)
		},
	}
	f := c.Flags()
	f.Var(moment{&r.Since, p.now, p.zone}, "since", "of this day and later (2026-11-22), or not older than this (7d)")
	f.IntVar(&r.Limit, "limit", 100, "networks at most (`n`)")
	return c
}

func (p *program) showDMARC(d ops.DMARCDetail) {
	t := p.table("NETWORK", "REPORTER", "MESSAGES", "PASSED", "DKIM", "SPF", "HELD OR REFUSED")
	for _, s := range d.Sources {
		t.row(s.Network, reporter(s), s.Messages, passed(s.Passed, s.Messages), s.DKIM, s.SPF, s.Acted)
	}
	t.flush()
	if len(d.Reports) == 0 {
		return
	}
	p.say("")
	t = p.table("CAME", "REPORTER", "PROOF", "FROM", "TO", "POLICY", "MESSAGES", "PASSED")
	for _, r := range d.Reports {
		t.row(r.Time, r.Reporter, r.Proof, r.Begin, r.End, r.Policy, r.Messages, passed(r.Passed, r.Messages))
	}
	t.flush()
}

// reporter is who saw it.
func reporter(s ops.DMARCSum) string {
	if s.Own {
		return s.Reporter + " (here)"
	}
	return s.Reporter
}

// passed is a number with its part of all.
func passed(n, all int64) string {
	if all == 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d (%.1f %%)", n, 100*float64(n)/float64(all))
}
