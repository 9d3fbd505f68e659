package app

import (
	"strings"
	"testing"

	"gatepost/internal/trust"
	"gatepost/quarantine"
)

// TestFieldNote10Memory: who releases mail in a script is known to read it.
func TestFieldNote10Memory(t *testing.T) {
	n := openPages(t)
	cyrillic := "From: a@far.example\nSubject: x\nContent-Type: text/plain; charset=utf-8\n\n" + strings.Repeat("Привет всем ", 9) + "\n"
	reads := func() bool {
		_, known, err := n.trust.Weigh(t.Context(), "ann@test.example", "cyrillic@script.invalid", n.now())
		n.must(err)
		return known
	}
	h := n.held("ann@test.example", cyrillic, nil)
	if reads() {
		t.Fatal("known before")
	}
	n.must2(n.releaseHeld(t.Context(), h.ID, quarantine.By{Who: "ann@test.example"}))
	n.must(n.scripts.learn(t.Context(), <-n.scripts.jobs))
	if !reads() {
		t.Error("not known after the release")
	}
	for range 2 * maxScriptLessons { // nobody waits for them
		n.scripts.note(trust.ForMailbox(1), h.Blob, trust.Outgoing)
	}
}
