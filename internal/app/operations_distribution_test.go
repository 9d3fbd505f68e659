package app

import (
	"slices"
	"testing"

	"gatepost/internal/control/ops"
	"gatepost/internal/mail"
)

// Who leaves a list is found by whatever spelling of the address.
func TestMembersLeave(t *testing.T) {
	old := []mail.Path{"Ann@example.org", "josé@xn--bcher-kva.example", "用户@xn--fsqu00a.example"}
	got, err := members(old, ops.DistributionSet{Drop: []string{"ANN@example.org", "JOSE\u0301@Bücher.example"}})
	if want := old[2:]; err != nil || !slices.Equal(got, want) {
		t.Errorf("left are %q, %v; want %q", got, err, want)
	}
	if _, err := members(old, ops.DistributionSet{Drop: []string{"jose@bücher.example"}}); err == nil {
		t.Error("somebody left who was no member")
	}
}
