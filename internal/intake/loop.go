package intake

import (
	"slices"
	"strings"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// maxPasses is how often a message may have been here before: one that is sent on
// to a mailbox elsewhere which sends it back here has been, once or twice.
const maxPasses = 5

// passes counts how often nodes of ours received the message before.
func (in *Intake) passes(m *mail.Message) (n int) {
	hosts := in.hosts()
	for _, f := range m.Header().All("Received") {
		words := strings.Fields(strings.ToLower(f))
		for i, word := range words {
			if word == "by" && i+1 < len(words) && slices.Contains(hosts, words[i+1]) {
				n++
				break
			}
		}
	}
	return n
}

// breakLoops leaves out what was sent on to the same address before: what we send
// on for an address says so in a field Delivered-To. A recipient to whom nothing is
// left is refused, as the rest of his walk can't change that.
func (t *Transaction) breakLoops(m *mail.Message) {
	if t.in.passes(m) == 0 { // anybody can write the field; only what was here has ours
		return
	}
	seen := map[mail.Path]bool{}
	for _, f := range m.Header().All("Delivered-To") {
		if p, err := mail.ParsePath(strings.Trim(strings.TrimSpace(f), "<>")); err == nil {
			seen[p.Fold()] = true
		}
	}
	if len(seen) == 0 {
		return
	}
	for _, r := range t.rcpts {
		var left []directory.Remote
		for _, to := range r.remotes {
			if !to.By.IsNull() && seen[to.By.Fold()] {
				continue
			}
			left = append(left, to)
		}
		if looped := len(left) < len(r.remotes); looped && len(left)+len(r.boxes) == 0 {
			r.loop = true
			continue // the remotes stay: one who releases it knows what he does
		}
		r.remotes = left
	}
}

// looped is the decision about a recipient whose mail runs in a loop.
func looped(r *recipient) pipeline.Decision {
	return pipeline.Decision{
		Action: pipeline.Reject, Entry: "loop", Filter: "loop", Result: "loop", Told: true,
		Reason: "mail loop: it was sent on from " + string(r.path) + " before",
		Reply:  mail.Reply{Code: 554, Enhanced: "5.4.6"},
	}
}
