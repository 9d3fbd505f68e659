package ops

import "time"

// ProposalTerms are when a pattern is proposed.
type ProposalTerms struct {
	Traps     *int `json:"traps,omitempty"`     // traps got it from so many networks; nil: 1
	Reporters *int `json:"reporters,omitempty"` // so many reported it, of as many domains; nil: 2
	Related   bool `json:"related,omitempty"`   // people of one domain count one by one
}

// ProposalList asks for patterns that traps and reports propose. Result: ProposalReport.
type ProposalList struct {
	ProposalTerms
	Limit int `json:"limit,omitempty"` // at most so many; 0: 200
}

// A ProposalReport is what is proposed, and of how many messages.
type ProposalReport struct {
	Traps     int        `json:"traps"`   // messages that traps got, as far as they are kept
	Reports   int        `json:"reports"` // that people reported
	Wanted    int        `json:"wanted"`  // that are known to be wanted
	Proposals []Proposal `json:"proposals"`
}

// A Proposal is a pattern with what speaks for it.
type Proposal struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"` // phrase, domain
	Text     string    `json:"text"`
	Traps    int       `json:"traps"`    // networks from which traps got it
	People   int       `json:"people"`   // who reported it
	Domains  int       `json:"domains"`  // in which they are at home
	Wanted   int       `json:"wanted"`   // wanted messages that have it
	Messages []string  `json:"messages"` // transactions of the first few that have it
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Why      string    `json:"why"` // all that in a sentence
}

// ProposalDecide accepts a pattern that is proposed, or refuses it. Result: ProposalDecision.
type ProposalDecide struct {
	ID     string  `json:"id"`
	Accept bool    `json:"accept"`
	Weight float64 `json:"weight,omitempty"` // points, of one that is accepted
	ProposalTerms
}

// ProposalDecided asks what was decided, the newest first. Result: []ProposalDecision.
type ProposalDecided struct{}

// ProposalWithdraw takes a decision back. Result: ProposalDecision.
type ProposalWithdraw struct {
	ID string `json:"id"`
}

// A ProposalDecision is that somebody accepted a pattern, or refused it.
type ProposalDecision struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Text     string    `json:"text"`
	Accepted bool      `json:"accepted"`
	Weight   float64   `json:"weight"`
	Who      string    `json:"who"`
	Why      string    `json:"why"` // what spoke for it then
	Time     time.Time `json:"time"`
}

// Op implements control.Request.
func (ProposalList) Op() string { return "proposal.list" }

// Op implements control.Request.
func (ProposalDecide) Op() string { return "proposal.decide" }

// Op implements control.Request.
func (ProposalDecided) Op() string { return "proposal.decided" }

// Op implements control.Request.
func (ProposalWithdraw) Op() string { return "proposal.withdraw" }
