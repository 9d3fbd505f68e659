package config

import (
	"testing"

	"gatepost/pipeline"
)

func TestPolicySum(t *testing.T) {
	of := func(line int, filter string) string {
		c := Config{Policies: []pipeline.Spec{{Name: "p", Line: line, Entries: []pipeline.EntrySpec{{Filter: filter, Line: line, Lines: map[string]int{"a": line}}}}}}
		return c.PolicySum()
	}
	if of(1, "spf") == "" || of(1, "spf") != of(2, "spf") {
		t.Error("the place in the file counts")
	}
	if of(1, "spf") == of(1, "dkim") {
		t.Error("another policy has the same sum")
	}
}
