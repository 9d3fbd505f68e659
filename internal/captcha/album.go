package captcha

import (
	"net/netip"
	"slices"
	"time"
)

// Bounds of what is kept of drawings, some 120 KB each where they are sounds, so that a player that asks for a
// sound in pieces gets pieces of one. Who draws many pushes out the own ones first.
const (
	maxSketches = 256
	sketchesOf  = 8 // about one subject, or from one network
)

// A drawn is a drawing that is kept, and for whom.
type drawn struct {
	sketch
	data    []byte
	subject string
	site    netip.Prefix
	until   time.Time
}

// An album keeps drawings, the oldest first.
type album []drawn

// get returns a drawing, nil where it is not there.
func (a *album) get(s sketch, now time.Time) []byte {
	*a = slices.DeleteFunc(*a, func(d drawn) bool { return !now.Before(d.until) })
	for _, d := range *a {
		if d.sketch == s {
			return d.data
		}
	}
	return nil
}

// put keeps a drawing.
func (a *album) put(d drawn) {
	a.keep(sketchesOf-1, func(o drawn) bool { return o.subject == d.subject })
	a.keep(sketchesOf-1, func(o drawn) bool { return o.site == d.site })
	a.keep(maxSketches-1, func(drawn) bool { return true })
	*a = append(*a, d)
}

// keep lets go of the oldest of some, beyond n.
func (a *album) keep(n int, some func(drawn) bool) {
	count := 0
	for _, d := range *a {
		if some(d) {
			count++
		}
	}
	*a = slices.DeleteFunc(*a, func(d drawn) bool {
		if !some(d) || count <= n {
			return false
		}
		count--
		return true
	})
}
