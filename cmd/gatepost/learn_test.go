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

func fingerprintHandlers(h control.Handlers) {
	f := ops.Fingerprint{ID: "3", Name: "members", Domain: "example.org", Shingles: 12, Added: at(1)}
	control.On(h, answer[ops.FingerprintAdd](f))
	control.On(h, answer[ops.FingerprintList]([]ops.Fingerprint{f}))
	control.On(h, answer[ops.FingerprintRemove](ops.Nothing{}))
}
