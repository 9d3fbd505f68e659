package config

import (
	"strings"
	"testing"
)

func TestSubmission(t *testing.T) {
	const own = "policies: [{name: default, pipeline: []}, {name: out, pipeline: []}]\n"
	for _, c := range []struct{ name, file, policy, problem string }{
		{"as it is shipped", "", "outgoing", ""},
		{"a list of policies without it", own, "", ""},
		{"another policy", own + "submission: {policy: out}\n", "out", ""},
		{"one that is not there", own + "submission: {policy: outt}\n", "", `no policy is named "outt"`},
		{"none", "submission: {policy: \"\"}\n", "", ""},
		{"what spam is", "submission: {spam: tag}\n", "", `"tag" is none of reject, hold`},
		{"a limit below nothing", "submission: {per_hour: -1}\n", "", "-1 is not between"},
		{"everybody is a proxy", "proxy: {trusted: [10.0.0.0/8, 0.0.0.0/0]}\n", "outgoing", "proxy.trusted: 0.0.0.0/0 is everybody's: it would make an open relay"},
		{"everybody is a relay", "trusted_relays: ['2000::/3']\n", "outgoing", "trusted_relays: 2000::/3 is everybody's"},
		{"a proxy within", "proxy: {trusted: [10.0.0.0/8, 'fd00::/8']}\n", "outgoing", ""},
		{"held for years", "submission: {hold: 3000d}\n", "", "is not between"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := load("f.yaml", []byte(c.file), nil, nil)
			switch {
			case c.problem != "":
				if err == nil || !strings.Contains(err.Error(), c.problem) {
					t.Errorf("got %v, want %q", err, c.problem)
				}
			case err != nil:
				t.Error(err)
			case got.Submission.Policy != c.policy:
				t.Errorf("policy %q, want %q", got.Submission.Policy, c.policy)
			}
		})
	}
}
