package app

import (
	"net/netip"
	"strings"
	"testing"

	"gatepost/internal/control/ops"
	"gatepost/internal/learnt"
	"gatepost/internal/mail"
	"gatepost/quarantine"
)

// A campaign that has a task solved for one of its messages goes on being spam for all others, whoever taught it.
func TestSolvedTaskUnteachesNothing(t *testing.T) {
	solve := func(n *pagesNode, to string) {
		h := n.held(to, offerMail, func(h *quarantine.Held) { h.Tx = mail.NewID(h.Time) })
		n.must2(n.releaseHeld(t.Context(), h.ID, quarantine.By{Who: "sender", Sender: true}))
	}
	for name, teach := range map[string]func(*pagesNode){
		"traps": func(n *pagesNode) { n.trapped("203.0.113.66"); n.trapped("198.51.100.9") },
		"an operator": func(n *pagesNode) {
			_, err := n.learnMessages(t.Context(), ops.LearnAdd{Spam: true, Messages: []ops.LearnMessage{{Name: "offer", Content: []byte(strings.ReplaceAll(offerMail, "\n", "\r\n"))}}})
			n.must(err)
		},
		"a report": func(n *pagesNode) {
			n.complain(ops.ComplaintAdd{ID: n.held("ann@test.example", offerMail, func(h *quarantine.Held) { h.Tx = mail.NewID(h.Time) }).Tx})
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := openPages(t)
			teach(n)
			before := n.known()
			solve(n, "ann@test.example")
			solve(n, "bob@test.example")
			if after := n.known(); before == "" || after != before {
				t.Errorf("known by %q, before the task was solved by %q", after, before)
			}
		})
	}
}

// What a virus taught, owners' releases do not end; an operator's word does.
func TestReleaseUnteachesNoVirus(t *testing.T) {
	n := openPages(t)
	program := strings.ReplaceAll(offerMail, "application/pdf\nContent-Disposition: attachment; filename=list.pdf\n\n%PDF-1.4",
		"application/octet-stream\nContent-Disposition: attachment; filename=run.exe\n\nMZ\x01\x00")
	content := []byte(strings.ReplaceAll(program, "\n", "\r\n"))
	prints, err := printTeacher{n.learnt, n.pictures}.prints(t.Context(), lesson{Message: mail.NewMessage(content), Source: learnt.Virus, Infected: isProgram})
	n.must(err)
	if len(prints) != 1 {
		t.Fatalf("%d prints", len(prints))
	}
	for _, from := range []string{"203.0.113.66", "198.51.100.9"} {
		n.must(n.teach(t.Context(), lesson{
			Message: mail.NewMessage(content), ID: mail.NewID(n.now()), Spam: true, Source: learnt.Virus, Person: "virus " + from, Client: netip.MustParseAddr(from), Now: true, Infected: isProgram,
		}))
	}
	known := func() bool { _, ok := n.learnt.Memory().Spam(learnt.Attachment, prints[0].Sum); return ok }
	for _, who := range []string{"ann@test.example", "bob@test.example", "eve@test.example"} {
		h := n.held("ann@test.example", program, func(h *quarantine.Held) { h.Tx = mail.NewID(h.Time) })
		n.must2(n.releaseHeld(t.Context(), h.ID, quarantine.By{Who: who}))
	}
	if !known() {
		t.Error("people's releases ended what a virus taught")
	}
	_, err = n.learnMessages(t.Context(), ops.LearnAdd{Messages: []ops.LearnMessage{{Name: "program", Content: content}}})
	if n.must(err); known() {
		t.Error("an operator's word did not end it")
	}
}
