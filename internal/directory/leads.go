package directory

import (
	"fmt"
	"iter"
	"strings"

	"gatepost/internal/mail"
)

// Addresses lead to others: aliases and lists to their targets and owners, mailboxes
// to where they are copied, a domain's catch-all to somebody. When one is saved it
// must lead somewhere, and not back to itself; and nothing goes away, or becomes
// another's, while something leads to it. So what a snapshot holds has no loops and no
// loose ends, and resolving need not look for them.

// targets makes addresses canonical that the address from is to lead to, each once,
// and refuses those that lead nowhere or back. It wants 1 to most of them; what names
// one of them.
func (s *Snapshot) targets(from mail.Path, what string, given []mail.Path, most int) ([]mail.Path, error) {
	targets := make([]mail.Path, 0, len(given))
	have, seen := make(map[mail.Path]bool, len(given)), map[mail.Path]bool{}
	for _, t := range given {
		address, err := s.target(t)
		if err == nil && !have[address] {
			have[address] = true
			targets = append(targets, address)
			err = s.checkTarget(from, address, seen)
		}
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", what, t, err)
		}
	}
	if len(targets) == 0 || len(targets) > most {
		limit := fmt.Sprintf("1 to %d", most)
		if most == 1 {
			limit = "one"
		}
		return nil, fmt.Errorf("%w: it has %d %ss; give %s", ErrInvalid, len(targets), what, limit)
	}
	return targets, nil
}

// target returns the form in which an address is kept that mail is to go to: folded
// where it is ours, as it was given where it is not (RFC 5321 §2.4).
func (s *Snapshot) target(t mail.Path) (mail.Path, error) {
	address, err := mail.ParsePath(strings.TrimSpace(string(t)))
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	case address.IsNull():
		return "", fmt.Errorf("%w: an address is missing", ErrInvalid)
	}
	dom, ours := s.Domain(address.Domain())
	switch {
	case !ours:
		return address, nil
	case len(dom.Hosts) > 0: // whose local parts' case may mean something
		if box, alias := s.holder(s.canonical(address.Fold())); box == nil && alias == nil {
			return s.canonical(address), nil
		}
	}
	return s.canonical(address.Fold()), nil
}

// canonical is an address in its domain's own name.
func (s *Snapshot) canonical(a mail.Path) mail.Path {
	if dom, ok := s.Domain(a.Domain()); ok && dom.Name != a.Domain() {
		return mail.Path(a.Local() + "@" + dom.Name)
	}
	return a
}

func (s *Snapshot) checkTarget(from, t mail.Path, seen map[mail.Path]bool) error {
	if way := s.wayBack(from, t, seen); way != nil {
		names := make([]string, len(way))
		for i, p := range way {
			names[i] = string(p)
		}
		return fmt.Errorf("%w: %s -> %s", ErrLoop, from, strings.Join(names, " -> "))
	}
	return s.leadsOn(t)
}

// leadsOn fails where mail for an address of ours would go nowhere.
func (s *Snapshot) leadsOn(t mail.Path) error {
	dom, ours := s.Domain(t.Domain())
	if !ours || len(dom.Hosts) > 0 {
		return nil // others know
	}
	if box, next := s.holder(t); box == nil && next == nil {
		return fmt.Errorf("%w and no such alias; add it first", ErrNoMailbox)
	}
	return nil
}

// wayBack returns how mail for t comes to the address from, or nil where it does not.
// It looks no further at addresses that were seen.
func (s *Snapshot) wayBack(from, t mail.Path, seen map[mail.Path]bool) []mail.Path {
	for _, form := range forms(t.Fold()) {
		if form == from {
			return []mail.Path{t}
		}
		next, ok := s.next(form)
		if !ok {
			continue
		}
		if seen[form] {
			return nil
		}
		seen[form] = true
		for _, further := range next {
			if way := s.wayBack(from, further, seen); way != nil {
				return append([]mail.Path{t}, way...)
			}
		}
		return nil
	}
	return nil
}

// next returns what a mailbox or an alias with just that address leads to.
func (s *Snapshot) next(a mail.Path) ([]mail.Path, bool) {
	if box, ok := s.Mailbox(a); ok {
		return box.Copies, true
	}
	alias, ok := s.Alias(a)
	return alias.leads(), ok
}

// unused fails where something leads to the address, and names it.
func (s *Snapshot) unused(a mail.Path) error {
	for who := range s.leading(byTarget, targetKey(a)) {
		return fmt.Errorf("%w: %s leads here; change or remove that first", ErrInUse, who)
	}
	return nil
}

// unreached fails where something leads into a domain of that name, but for addresses
// that are all right.
func (s *Snapshot) unreached(name string, right func(mail.Path) bool) error {
	for who, to := range s.leading(byTarget+"_prefix", within(name)) {
		for _, t := range to {
			if t.Domain() == name && !right(t) {
				return fmt.Errorf("%w: %s leads to %s; change or remove that first", ErrInUse, who, t)
			}
		}
	}
	return nil
}

// leading finds what leads to certain addresses: its name, and all that it leads to.
func (s *Snapshot) leading(index, key string) iter.Seq2[string, []mail.Path] {
	return func(yield func(string, []mail.Path) bool) {
		for a := range rows[Alias](s, aliases, index, key) {
			if !yield(a.title(), a.leads()) {
				return
			}
		}
		for m := range rows[copier](s, copiers, index, key) {
			if !yield("the copying of mailbox "+string(m.address), m.copies) {
				return
			}
		}
		for d := range rows[Domain](s, domains, index, key) {
			if !yield("the catch-all of domain "+d.Name, []mail.Path{d.CatchAll}) {
				return
			}
		}
	}
}
