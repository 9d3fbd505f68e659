package directory

import (
	"context"
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

// NoteRules is what is noted of a domain whose rules for a direction change, about the direction and how long they are then.
const NoteRules = "rules"

// ChangeRules has change make a domain's script for a direction anew from what it is; "" removes it. The note of who did it stands in the
// same commit, where anything has changed. Change may run again, and its error comes back.
func (d *Directory) ChangeRules(ctx context.Context, name string, way Direction, who string, change func(script string) (string, error)) error {
	_, err := d.updateDomain(ctx, &name, func(s *Snapshot, dom Domain) ([]Change, error) {
		was := dom.Rules.Of(way)
		script, err := change(was)
		if strings.TrimSpace(script) == "" { // as checkRules has it
			script = ""
		}
		if err == nil {
			err = dom.Rules.Set(way, script)
		}
		if err != nil {
			return nil, err
		}
		changes, err := s.checkedDomain(dom, d.now())
		if err == nil && script != was {
			about := fmt.Sprintf("%s: %d octets", way, len(script))
			if script == "" {
				about = string(way) + ": none"
			}
			changes = append(changes, Change{Note: &Note{Time: d.now(), Who: who, What: NoteRules, Whom: dom.Name, About: about}})
		}
		return changes, err
	})
	if err != nil {
		return fmt.Errorf("directory: rules of domain %s for mail %s: %w", name, way, err)
	}
	return nil
}

// Is reports whether it is one of Directions.
func (d Direction) Is() bool { return slices.Contains(Directions(), d) }
