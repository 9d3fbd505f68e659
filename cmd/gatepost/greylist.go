package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) greylist() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "greylist",
		Short: "Who was asked to try again later, and how late mail was for it",
		Long: `Shows what the filter greylist remembers, and changes it. VALUE is a domain (by which
senders are known where SPF proves them), a client's address or network, or a mail address.
What is remembered has no addresses in it: they are in the journal, under the
transaction of the first attempt.`,
		Example: `  gatepost greylist stats --since 7d
  gatepost greylist show ann@example.net
  gatepost greylist pass example.net`,
	})
	c.AddCommand(p.greylistList(), p.greylistIdentities(), p.greylistShow(), p.greylistPass(), p.greylistForget(), p.greylistStats())
	return c
}

func tripletHead() []string {
	return []string{"KNOWN BY", "SENDER OF", "STATE", "FIRST", "LAST", "TRIES", "EXPIRES", "FIRST ATTEMPT"}
}

func tripletRow(t ops.Triplet) []any {
	return []any{t.Identity, t.Domain, t.State, t.First, t.Last, t.Tries, t.Expires, t.Tx}
}

func (p *program) greylistList() *cobra.Command {
	var r ops.GreylistList
	c := &cobra.Command{
		Use:     "list",
		Short:   "List who is waited for, or who passed",
		Long:    "Lists who was asked to try again and has not passed yet, or with --passed who has, those first that are forgotten first.",
		Example: `  gatepost greylist list --passed --limit 20`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request { r.Page = at; return r }
			id := func(t ops.Triplet) string { return t.ID }
			head := append([]string{"ID"}, tripletHead()...)
			return askPages(p, cmd, r.Page, search[ops.Triplet]{request, id}, listing[ops.Triplet]{"nobody", head, func(t ops.Triplet) []any {
				return append([]any{t.ID}, tripletRow(t)...)
			}})
		},
	}
	c.Flags().BoolVar(&r.Passed, "passed", false, "who passed, not who is waited for")
	paging(c, &r.Page)
	return c
}

func (p *program) greylistIdentities() *cobra.Command {
	var r ops.GreylistIdentities
	c := &cobra.Command{
		Use:     "identities",
		Short:   "List the domains and networks of which mail passed",
		Long:    "Lists the domains and networks of which mail passed, by name. Where it is enough (the filter's setting passes) nothing of them waits any more.",
		Example: `  gatepost greylist identities --json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request { r.Page = at; return r }
			id := func(i ops.Identity) string { return i.Name }
			head := []string{"NAME", "PASSES", "FIRST", "LAST", "EXPIRES"}
			return askPages(p, cmd, r.Page, search[ops.Identity]{request, id}, listing[ops.Identity]{"none", head, func(i ops.Identity) []any {
				return []any{i.Name, passesOf(i), i.First, i.Last, i.Expires}
			}})
		},
	}
	paging(c, &r.Page)
	return c
}

// passesOf is how often mail of an identity passed.
func passesOf(i ops.Identity) any {
	if i.ByHand {
		return "by hand"
	}
	return i.Passes
}

func (p *program) greylistShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show VALUE",
		Short: "Show what is remembered of an address, domain, client or network",
		Long: `Shows what is remembered of a mail address (as sender and as recipient), of a domain,
or of a client's address or network. Senders that differ by numbers, or by the recipient
in their address, are one. For an address all that is remembered is read: that takes
seconds where there is much.`,
		Example: `  gatepost greylist show 192.0.2.7`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.GreylistShow{Value: args[0]}, p.showGreylist)
		},
	}
}

func (p *program) showGreylist(k ops.GreylistKnown) {
	if i := k.Identity; i != nil {
		p.record("name", i.Name, "passes", passesOf(*i), "first", i.First, "last", i.Last, "expires", i.Expires)
	}
	if len(k.Triplets) == 0 {
		return
	}
	t := p.table(append([]string{"AS"}, tripletHead()...)...)
	for _, one := range k.Triplets {
		t.row(append([]any{one.As}, tripletRow(one)...)...)
	}
	t.flush()
}

func (p *program) greylistPass() *cobra.Command {
	return &cobra.Command{
		Use:   "pass DOMAIN|NETWORK",
		Short: "Let all mail of a domain or network pass",
		Long: `Has no mail of a domain, where it is proven, or of a client's network wait, within a
second. It is forgotten when there was none for 36 days; the filter's setting skip is for good.`,
		Example: `  gatepost greylist pass example.net`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.GreylistPass{Value: args[0]}, func(i ops.Identity) { p.say("%s passes", printable(i.Name)) })
		},
	}
}

func (p *program) greylistForget() *cobra.Command {
	return &cobra.Command{
		Use:     "forget VALUE",
		Short:   "Forget an address, domain, client or network",
		Long:    "Forgets what `gatepost greylist show` shows: the next mail waits again.",
		Example: `  gatepost greylist forget 192.0.2.0/24`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.GreylistForget{Value: args[0]}, func(f ops.GreylistForgotten) { p.say("forgotten: %d", f.Triplets) })
		},
	}
}

func (p *program) greylistStats() *cobra.Command {
	var r ops.GreylistStats
	c := &cobra.Command{
		Use:   "stats",
		Short: "Show how late mail was, by the sender's domain",
		Long: `Shows for each sender's domain how much mail was asked to come again, how much came, how
much never did, and how late it was: half of it by P50 at most, 95 of 100 by P95. Days
are those of the first attempt, in UTC; 90 are kept. "other" are all that send little, "<>"
are delivery reports.`,
		Example: `  gatepost greylist stats --since 7d --limit 20`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			head := []string{"DOMAIN", "DEFERRED", "CAME AGAIN", "NEVER", "WAITED FOR", "P50", "P95"}
			return askList(p, cmd, r, listing[ops.Delay]{"nothing was deferred", head, func(d ops.Delay) []any {
				most := seconds(d.P95)
				if d.Over {
					most = "over " + most
				}
				return []any{d.Domain, d.Deferred, d.Returned, d.Lost, d.Waiting, seconds(d.P50), most}
			}})
		},
	}
	f := c.Flags()
	f.StringVar(&r.Domain, "domain", "", "only of this domain (`name`)")
	f.Var(moment{&r.Since, p.now, p.zone}, "since", "from this day on (2026-11-22), or not older than this (36h, 7d)")
	f.IntVar(&r.Limit, "limit", 0, "at most `N` domains (default: 1000)")
	return c
}
