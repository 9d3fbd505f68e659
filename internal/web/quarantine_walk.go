package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/web/safe"
	"gatepost/quarantine"
)

// A heldWalk is how a message was judged, step by step.
type heldWalk struct {
	Gate     bool
	Steps    []heldStep
	Score    string
	Required string
	ByScore  bool
	Decided  string // the filter that decided, "" where none did
	Reason   string
}

// A heldStep is one filter on that way.
type heldStep struct {
	Name, Result, Reason, Effect, Class, Took string

	Points   string // "+2.5", "" for none
	Decided  bool
	Shadow   bool
	Evidence []journal.KV // what it saw; for admins
}

// walks returns those of a message; none where they are not kept any more.
func (s *Server) walks(r *http.Request, h quarantine.Held) ([]heldWalk, error) {
	list, err := s.Held.Walks(r.Context(), h)
	if errors.Is(err, ErrGone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v, out := visitOf(r), []heldWalk(nil)
	for _, w := range list {
		if w.Shadow || len(w.Steps) == 0 {
			continue
		}
		walk := heldWalk{
			Gate: w.Recipient == mail.Null, Score: decimal(v, "%.1f", w.Score), Required: decimal(v, "%.1f", w.Required), ByScore: w.Decision.Entry == "score", Reason: safe.Line(w.Decision.Reason),
		}
		for _, step := range w.Steps {
			walk.Steps = append(walk.Steps, s.step(v, w, step))
		}
		if w.Decision.Entry != "" && w.Decision.Action != "none" {
			walk.Decided = s.filterName(v, w.Decision.Entry)
		}
		out = append(out, walk)
	}
	return out, nil
}

func (s *Server) step(v *visit, w journal.Walk, step journal.Step) heldStep {
	out := heldStep{
		Name: s.filterName(v, step.Entry), Result: safe.Line(step.Result), Reason: safe.Line(step.Reason), Shadow: step.Shadow, Class: "passed",
		Took:    took(v, step.Micros),
		Decided: step.Entry == w.Decision.Entry && step.Result == w.Decision.Result && w.Decision.Action != "none",
	}
	if step.Points != 0 {
		out.Points = decimal(v, "%+.1f", step.Points)
	}
	if action, _, _ := strings.Cut(step.Effect, " "); s.words.Has("effect." + action) {
		out.Effect = word(v, "effect."+action)
	}
	switch {
	case step.Shadow, step.Result == "skipped":
		out.Class = "skipped"
	case out.Decided:
		out.Class = "ended"
	case step.Result == "temperror":
		out.Class = "failed"
	case step.Points > 0:
		out.Class = "scored"
	}
	if v.Person.Role != access.Owner {
		for _, e := range step.Evidence {
			out.Evidence = append(out.Evidence, journal.KV{Key: safe.Line(e.Key), Value: safe.Line(firstOctets(e.Value, 500))})
		}
	}
	return out
}

// took writes how long a filter took.
func took(v *visit, micros int64) string {
	switch {
	case micros < 1000:
		return "< 1 ms"
	case micros < 1_000_000:
		return fmt.Sprintf("%d ms", micros/1000)
	}
	return decimal(v, "%.1f s", float64(micros)/1e6)
}

// decimal writes a number as the language does.
func decimal(v *visit, format string, n float64) string {
	text := fmt.Sprintf(format, n)
	if v.Lang == "fr" {
		text = strings.Replace(text, ".", ",", 1)
	}
	return text
}
