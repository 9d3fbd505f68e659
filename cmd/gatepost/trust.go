package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) trust() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "trust",
		Short: "Senders whom people here deal with",
		Long: `Lists, shows, changes and removes what was learnt about senders: a weight, from mail
that people here sent to them, from challenges that they solved and from releases. The
filter auto-allow goes by it.`,
		Example: `  gatepost trust list --for ann@example.org
  gatepost trust set bob@example.net 5 --for example.org
  gatepost trust forget bob@example.net --for ann@example.org`,
	})
	c.AddCommand(p.trustList(), p.trustShow(), p.trustSet(), p.trustForget())
	return c
}

// trustFor adds the flag that says in whose mail.
func trustFor(c *cobra.Command, to *string, help string) {
	c.Flags().StringVar(to, "for", "", help)
}

func (p *program) trustList() *cobra.Command {
	var r ops.TrustList
	c := &cobra.Command{
		Use:     "list [--for NAME]",
		Short:   "List who is trusted, in whose mail",
		Long:    "Lists who is trusted, by sender: what counts for an address, its domain's too, or all that is known.",
		Example: `  gatepost trust list --for ann@example.org`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request { r.Page = at; return r }
			id := func(t ops.Trust) string { return t.ID }
			return askPages(p, cmd, r.Page, search[ops.Trust]{request, id}, trustListing("nobody is trusted"))
		},
	}
	trustFor(c, &r.For, "only what counts for an `address`, or what counts for all of a domain")
	paging(c, &r.Page)
	return c
}

func trustListing(none string) listing[ops.Trust] {
	head := []string{"FOR", "SENDER", "WEIGHT", "LEARNT", "LAST LEARNT", "LAST USE"}
	return listing[ops.Trust]{none, head, func(t ops.Trust) []any {
		return []any{t.For, t.Sender, t.Weight, t.Learnt, t.Last, t.Used}
	}}
}

func (p *program) trustShow() *cobra.Command {
	var r ops.TrustShow
	c := &cobra.Command{
		Use:     "show SENDER --for NAME",
		Short:   "Show how much a sender is trusted",
		Long:    "Shows what counts for mail from a sender to an address: what its mailbox knows, and its domain. The greater weight holds.",
		Example: `  gatepost trust show bob@example.net --for ann@example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Sender = args[0]
			if r.For == "" {
				return usage("say in whose mail: --for")
			}
			return askList(p, cmd, r, trustListing("nothing is known of "+printable(args[0])))
		},
	}
	trustFor(c, &r.For, "in the mail of this `address`, or of this domain")
	return c
}

func (p *program) trustSet() *cobra.Command {
	var r ops.TrustSet
	c := &cobra.Command{
		Use:     "set SENDER WEIGHT --for NAME",
		Short:   "Set how much a sender is trusted",
		Long:    "Sets a weight from 0 to 10 in the place of what was learnt. What is learnt later adds to it.",
		Example: `  gatepost trust set bob@example.net 5 --for ann@example.org`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := strconv.ParseFloat(args[1], 64)
			if err != nil || !(w >= 0 && w <= 10) {
				return usage("weight %q is not a number from 0 to 10", args[1])
			}
			r.Sender, r.Weight = args[0], w
			if r.For == "" {
				return usage("say in whose mail: --for")
			}
			return ask(p, cmd, r, func(t ops.Trust) {
				p.record("for", t.For, "sender", t.Sender, "weight", t.Weight, "learnt", t.Learnt)
			})
		},
	}
	trustFor(c, &r.For, "in the mail of this `address`, or of this domain")
	return c
}

func (p *program) trustForget() *cobra.Command {
	var r ops.TrustForget
	c := &cobra.Command{
		Use:   "forget SENDER --for NAME | forget --held ID",
		Short: "Forget a sender, or what a release taught",
		Long: "Removes what is known of a sender; or, with --held, takes back what the release of one held message taught. " +
			"What comes later is learnt anew.",
		Example: `  gatepost trust forget bob@example.net --for ann@example.org
  gatepost trust forget --held 0ab1c2d3e4f5g6h7i8j9`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			what := "what the release of " + r.Held + " taught"
			if len(args) == 1 {
				r.Sender, what = args[0], args[0]
			}
			if (r.Held == "") == (r.Sender == "") || (r.Sender == "") != (r.For == "") {
				return usage("name a sender and --for whom, or --held with the id of a held message")
			}
			return ask(p, cmd, r, func(ops.Nothing) { p.say("forgot %s", printable(what)) })
		},
	}
	trustFor(c, &r.For, "in the mail of this `address`, or of this domain")
	c.Flags().StringVar(&r.Held, "held", "", "take back what the release of this held message (`id`) taught")
	return c
}
