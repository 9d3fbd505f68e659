package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) learnProposals() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "proposals",
		Short: "Patterns for keywords that traps and reports propose",
		Long: `Phrases, and domains that links lead to, which are in what traps got and in what several people of different domains
reported, and hardly in mail that is known to be wanted. None of them counts until an operator accepts it; then the
filter keywords looks for it on all nodes. One that is refused is not proposed again.`,
		Example: `  gatepost learn proposals list
  gatepost learn proposals accept 0a1b2c3d4e5f6071 --weight 2`,
	})
	c.AddCommand(p.proposalsList(), p.proposalsDecide(true), p.proposalsDecide(false), p.proposalsDecided(), p.proposalsWithdraw())
	return c
}

// proposalTerms adds the flags that say when a pattern is proposed.
func proposalTerms(c *cobra.Command, t *ops.ProposalTerms) {
	t.Traps, t.Reporters = new(int), new(int)
	c.Flags().IntVar(t.Traps, "traps", 1, "from how many networks traps have to have got it (`n`)")
	c.Flags().IntVar(t.Reporters, "reporters", 2, "how many people of as many domains have to have reported it (`n`)")
	c.Flags().BoolVar(&t.Related, "related", false, "count people of one domain one by one, too: for a node with one domain")
}

func (p *program) proposalsList() *cobra.Command {
	var r ops.ProposalList
	c := &cobra.Command{
		Use:   "list",
		Short: "List patterns that are proposed, with what speaks for them",
		Long: `Lists patterns that are proposed: from how many networks traps got them, how many people of how many domains
reported them, and how many of the wanted messages that are known have them. What is wanted is known by releases, allowed
senders and what people here send; where little is known, look twice. --json names messages that have them.`,
		Example: `  gatepost learn proposals list
  gatepost learn proposals list --traps 2 --reporters 0`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd, r, p.showProposals)
		},
	}
	proposalTerms(c, &r.ProposalTerms)
	c.Flags().IntVar(&r.Limit, "limit", 50, "list at most so many (`n`)")
	return c
}

func (p *program) showProposals(r ops.ProposalReport) {
	p.say("of %d messages that traps got, %d that people reported and %d that are wanted:", r.Traps, r.Reports, r.Wanted)
	if len(r.Proposals) == 0 {
		p.say("nothing is proposed")
		return
	}
	t := p.table("ID", "KIND", "PATTERN", "TRAPS", "PEOPLE", "DOMAINS", "WANTED", "LAST")
	for _, one := range r.Proposals {
		t.row(one.ID, one.Kind, one.Text, one.Traps, one.People, one.Domains, one.Wanted, one.Last)
	}
	t.flush()
}

func (p *program) proposalsDecide(accept bool) *cobra.Command {
	r := ops.ProposalDecide{Accept: accept}
	c := &cobra.Command{
		Use:     "refuse ID",
		Short:   "Have a pattern not proposed again",
		Long:    "Refuses a pattern that is proposed, or takes one that was accepted out of the keywords. It is not proposed again.",
		Example: `  gatepost learn proposals refuse 0a1b2c3d4e5f6071`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.ID = args[0]
			return ask(p, cmd, r, p.showDecision)
		},
	}
	if accept {
		c.Use, c.Short = "accept ID", "Put a pattern among the keywords"
		c.Long = `Has the filter keywords look for a pattern that is proposed, or was refused, on all nodes within a second. Its weight is added to a
message's score; a phrase is looked for in subject and text, a domain where links lead.`
		c.Example = `  gatepost learn proposals accept 0a1b2c3d4e5f6071 --weight 2.5`
		c.Flags().Float64Var(&r.Weight, "weight", 1, "how many points it adds (`points`)")
	}
	proposalTerms(c, &r.ProposalTerms)
	return c
}

func (p *program) showDecision(d ops.ProposalDecision) {
	p.record("id", d.ID, "kind", d.Kind, "pattern", d.Text, "decided", decided(d), "weight", d.Weight, "why", d.Why)
}

// showWithdrawn shows what stood until now.
func (p *program) showWithdrawn(d ops.ProposalDecision) {
	p.record("id", d.ID, "kind", d.Kind, "pattern", d.Text, "withdrawn", "it was "+decided(d), "why", d.Why)
}

func decided(d ops.ProposalDecision) string {
	if d.Accepted {
		return "accepted"
	}
	return "refused"
}

func (p *program) proposalsDecided() *cobra.Command {
	return &cobra.Command{
		Use:     "decided",
		Short:   "List what was accepted and refused",
		Long:    "Lists the patterns that were accepted or refused, the newest first, with what spoke for them then.",
		Example: `  gatepost learn proposals decided`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			head := []string{"ID", "KIND", "PATTERN", "DECIDED", "WEIGHT", "BY", "TIME", "WHY"}
			return askList(p, cmd, ops.ProposalDecided{}, listing[ops.ProposalDecision]{"nothing was decided", head, func(d ops.ProposalDecision) []any {
				return []any{d.ID, d.Kind, d.Text, decided(d), d.Weight, d.Who, d.Time, d.Why}
			}})
		},
	}
}

func (p *program) proposalsWithdraw() *cobra.Command {
	return &cobra.Command{
		Use:     "withdraw ID",
		Short:   "Take a decision back",
		Long:    "Takes a decision back: the pattern is no keyword any more, and may be proposed again.",
		Example: `  gatepost learn proposals withdraw 0a1b2c3d4e5f6071`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.ProposalWithdraw{ID: args[0]}, p.showWithdrawn)
		},
	}
}
