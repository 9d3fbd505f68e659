package directory

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Direction is that of mail, as a domain sees it.
type Direction string

// Directions.
const (
	In    Direction = "in"    // from others to the domain's addresses
	Out   Direction = "out"   // from the domain's people to others
	Local Direction = "local" // from the domain's people to its addresses
)

// Directions returns all.
func Directions() []Direction { return []Direction{In, Out, Local} }

// Rules are a domain's own, a Sieve script for each direction; "" where it has none. Who puts one has
// compiled it before.
type Rules struct {
	In    string `json:"in"`
	Out   string `json:"out"`
	Local string `json:"local"`
}

// Of returns the script for a direction.
func (r Rules) Of(d Direction) string {
	if at := r.at(d); at != nil {
		return *at
	}
	return ""
}

// Set changes the script for a direction.
func (r *Rules) Set(d Direction, script string) error {
	at := r.at(d)
	if at == nil {
		return oneOf("direction", d, Directions()...)
	}
	*at = script
	return nil
}

func (r *Rules) at(d Direction) *string {
	switch d {
	case In:
		return &r.In
	case Out:
		return &r.Out
	case Local:
		return &r.Local
	}
	return nil
}

// MaxRules bounds a domain's script, in octets: all nodes have all of them at hand.
const MaxRules = 64 << 10

// checkRules refuses what is no text, or too long. A script of blanks alone is none.
func checkRules(dom *Domain) error {
	for _, d := range Directions() {
		text := dom.Rules.Of(d)
		switch {
		case len(text) > MaxRules:
			return fmt.Errorf("%w: the rules for mail %s have %d octets; at most %d", ErrInvalid, d, len(text), MaxRules)
		case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
			return fmt.Errorf("%w: the rules for mail %s are no text", ErrInvalid, d)
		case strings.TrimSpace(text) == "":
			_ = dom.Rules.Set(d, "")
		}
	}
	return nil
}

// Is reports whether it is one of Directions.
func (d Direction) Is() bool { return slices.Contains(Directions(), d) }
