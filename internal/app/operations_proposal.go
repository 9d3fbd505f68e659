package app

import (
	"context"
	"errors"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/proposal"
)

func (a *App) proposalOps(h control.Handlers) {
	control.On(h, a.listProposals)
	control.On(h, a.decideProposal)
	control.On(h, func(ctx context.Context, _ ops.ProposalDecided) ([]ops.ProposalDecision, error) {
		list, err := a.proposals.Decided(ctx)
		out := []ops.ProposalDecision{}
		for _, d := range list {
			out = append(out, decisionTold(d))
		}
		return out, err
	})
	control.On(h, func(ctx context.Context, q ops.ProposalWithdraw) (ops.ProposalDecision, error) {
		d, err := a.proposals.Withdraw(ctx, q.ID)
		return decisionTold(d), proposalError(err)
	})
}

func termsOf(t ops.ProposalTerms) (proposal.Terms, error) {
	out := proposal.DefaultTerms()
	if t.Traps != nil {
		out.Traps = *t.Traps
	}
	if t.Reporters != nil {
		out.Reporters = *t.Reporters
	}
	out.Related = t.Related
	if out.Traps < 0 || out.Reporters < 0 || out.Traps+out.Reporters < 2 {
		return out, control.Misused("traps %d and reporters %d are too few: none may be below 0, and together they have to be 2 at least, such as traps 2 and reporters 0",
			out.Traps, out.Reporters)
	}
	return out, nil
}

func (a *App) listProposals(ctx context.Context, q ops.ProposalList) (ops.ProposalReport, error) {
	t, err := termsOf(q.ProposalTerms)
	if err != nil {
		return ops.ProposalReport{}, err
	}
	t.Most = q.Limit
	r, err := a.proposals.Proposals(ctx, t)
	out := ops.ProposalReport{Traps: r.Traps, Reports: r.Told, Wanted: r.Wanted, Proposals: []ops.Proposal{}}
	for _, p := range r.Proposals {
		out.Proposals = append(out.Proposals, ops.Proposal{
			ID: p.ID(), Kind: p.Kind.String(), Text: p.Text, Traps: p.Traps, People: p.People, Domains: p.Domains, Wanted: p.Wanted,
			Messages: p.Messages, First: p.First, Last: p.Last, Why: p.Why(r),
		})
	}
	return out, err
}

// maxProposalWeight bounds what an accepted pattern adds to the score.
const maxProposalWeight = 20

func (a *App) decideProposal(ctx context.Context, q ops.ProposalDecide) (ops.ProposalDecision, error) {
	t, err := termsOf(q.ProposalTerms)
	if err != nil {
		return ops.ProposalDecision{}, err
	}
	as := proposal.Decision{Accepted: q.Accept, Who: byCommand(ctx)}
	if q.Accept {
		if as.Weight = q.Weight; !(as.Weight > 0 && as.Weight <= maxProposalWeight) {
			return ops.ProposalDecision{}, control.Misused("the weight %v is not above 0 and at most %d", q.Weight, maxProposalWeight)
		}
	}
	d, err := a.proposals.Decide(ctx, q.ID, t, as)
	return decisionTold(d), proposalError(err)
}

func decisionTold(d proposal.Decision) ops.ProposalDecision {
	return ops.ProposalDecision{ID: d.ID(), Kind: d.Kind.String(), Text: d.Text, Accepted: d.Accepted, Weight: d.Weight, Who: d.Who, Why: d.Why, Time: d.Time}
}

func proposalError(err error) error {
	switch {
	case errors.Is(err, proposal.ErrUnknown):
		return control.NotFound("%v", err)
	case errors.Is(err, proposal.ErrFull):
		return control.Misused("%v", err)
	}
	return err
}
