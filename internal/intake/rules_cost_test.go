package intake_test

import (
	"testing"

	"gatepost/internal/mail"
)

// Mail for mailboxes without rules costs one look for each, whoever else has some.
func TestRulesCostNothing(t *testing.T) {
	w, _, dir, r := newRulesWorld(t)
	r.set(t, dir, "accept@late.example", `discard;`)
	take := func() {
		tx := w.begin(t, "none@late.example")
		if v := tx.Data(t.Context(), mail.NewMessage([]byte(letter)), nil); v.Answer != mail.OK {
			t.Fatal(v)
		}
	}
	take()
	with := testing.AllocsPerRun(50, take)
	w.Rules = nil
	without := testing.AllocsPerRun(50, take)
	if with > without+2 || r.runs > 0 {
		t.Errorf("%.0f allocations with rules elsewhere, %.0f without; %d runs", with, without, r.runs)
	}
}
