package main

import (
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func learnHandlers(h control.Handlers) {
	lesson := ops.Lesson{ID: "17", Message: "0abc", Spam: true, Source: "report", Person: "ann@example.org", Time: at(1), Prints: []string{"checksum 0a"}}
	control.On(h, answer[ops.LearnAdd](ops.LearnDone{Learnt: 2, Faults: []string{}}))
	control.On(h, answer[ops.LearnStats]([]ops.LearnCount{{Source: "trap", Spam: true, Count: 12, Last: at(2)}, {Source: "release", Count: 1, Last: at(3)}}))
	control.On(h, answer[ops.LearnList]([]ops.Lesson{lesson}))
	control.On(h, answer[ops.LearnForget]([]ops.Lesson{lesson}))
}

func proposalHandlers(h control.Handlers) {
	d := ops.ProposalDecision{
		ID: "0a1b2c3d4e5f6071", Kind: "phrase", Text: "claim your prize", Accepted: true, Weight: 2, Who: "admin", Why: "in what traps got from 3 networks", Time: at(3),
	}
	control.On(h, answer[ops.ProposalList](ops.ProposalReport{Traps: 120, Reports: 40, Wanted: 900, Proposals: []ops.Proposal{
		{ID: "0a1b2c3d4e5f6071", Kind: "phrase", Text: "claim your prize", Traps: 3, People: 4, Domains: 2, Messages: []string{"0abc"}, First: at(1), Last: at(2), Why: d.Why},
		{ID: "1a1b2c3d4e5f6071", Kind: "domain", Text: "evil.example", Traps: 1, People: 2, Domains: 2, Wanted: 1, Messages: []string{"0abc"}, First: at(1), Last: at(2)},
	}}))
	control.On(h, answer[ops.ProposalDecide](d))
	refused := d
	refused.Accepted, refused.Weight = false, 0
	control.On(h, answer[ops.ProposalDecided]([]ops.ProposalDecision{d, refused}))
	control.On(h, answer[ops.ProposalWithdraw](refused))
}

func fingerprintHandlers(h control.Handlers) {
	f := ops.Fingerprint{ID: "3", Name: "members", Domain: "example.org", Shingles: 12, Added: at(1)}
	control.On(h, answer[ops.FingerprintAdd](f))
	control.On(h, answer[ops.FingerprintList]([]ops.Fingerprint{f}))
	control.On(h, answer[ops.FingerprintRemove](ops.Nothing{}))
}
