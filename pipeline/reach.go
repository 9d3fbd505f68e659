package pipeline

import "slices"

// A Reach says what an entry of a policy can do for a message, or to it, given all that
// stands above and below: "I allowed him, and he is still blocked" has its answer there.
type Reach struct {
	Entry string // the entry; "": no entry of the policy asks for it
	// Above are the entries over it that can end the walk otherwise before it is asked, in
	// order.
	Above []string
	// Below are the entries under it that could put the message elsewhere or add to its
	// score, and are passed by once it has ended the walk.
	Below []string
	// Always are those under it that run all the same, and can still put it elsewhere.
	Always []string
	// Score reports whether the sum of scores is passed by, too: it could have ended the
	// walk at its end.
	Score bool
}

// Reach looks for the first entry of a filter that ends the walk on a result. Entries in
// shadow do nothing and are no matter.
func (p *Policy) Reach(filter, result string) Reach {
	at := slices.IndexFunc(p.Entries, func(e *Entry) bool {
		return !e.Shadow && e.Kind.Name == filter && e.On[result].Action.Ends()
	})
	if at < 0 {
		return Reach{}
	}
	r := Reach{Entry: p.Entries[at].Name}
	accepts, scored := p.Entries[at].On[result].Action == Accept, false
	for i, e := range p.Entries {
		switch {
		case e.Shadow || i == at:
		case i < at:
			scored = scored || e.adds()
			if e.stops() || e.accepts() && !accepts {
				r.Above = append(r.Above, e.Name)
			}
		case e.Always && e.stops():
			r.Always = append(r.Always, e.Name)
		case !e.Always && (e.stops() || e.adds()):
			scored = scored || e.adds()
			r.Below = append(r.Below, e.Name)
		}
	}
	r.Score = scored && (p.Required > 0 || p.RejectAt > 0)
	return r
}

// Stoppers returns the names of the entries that can put a message elsewhere than into
// the inbox as it is, in order.
func (p *Policy) Stoppers() (names []string) {
	for _, e := range p.Entries {
		if !e.Shadow && e.stops() {
			names = append(names, e.Name)
		}
	}
	return names
}

func (e *Entry) accepts() bool {
	for _, effect := range e.On {
		if effect.Action == Accept {
			return true
		}
	}
	return false
}

// stops reports whether some result of the entry puts a message elsewhere than into the
// inbox as it is.
func (e *Entry) stops() bool {
	for _, effect := range e.On {
		if effect.Action.Ends() && effect.Action != Accept {
			return true
		}
	}
	return false
}

// adds reports whether some result of the entry adds points.
func (e *Entry) adds() bool {
	for _, effect := range e.On {
		if effect.Action == Score && (effect.Graded || effect.Points > 0) {
			return true
		}
	}
	return false
}
