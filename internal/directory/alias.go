package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// An Alias is an address that stores nothing: its mail goes to its targets,
// mailboxes or other aliases here, or addresses elsewhere.
type Alias struct {
	Address mail.Path   `json:"address"` // folded
	Targets []mail.Path `json:"targets"` // each once, at least one; those here folded
	Created time.Time   `json:"created"`
}

// MaxTargets bounds an alias.
const MaxTargets = 1000

// AddAlias adds an alias in a domain that is here.
func (d *Directory) AddAlias(ctx context.Context, a Alias) (Alias, error) {
	address, err := ownAddress(a.Address)
	if err != nil {
		return Alias{}, fmt.Errorf("directory: add alias %s: %w", a.Address, err)
	}
	a.Address, a.Created = address, d.now()
	s, err := d.update(ctx, func(s *Snapshot) ([]Change, error) {
		if err := s.free(address); err != nil {
			return nil, err
		}
		return s.checkedAlias(a)
	})
	if err != nil {
		return Alias{}, fmt.Errorf("directory: add alias %s: %w", address, err)
	}
	a, _ = s.Alias(address)
	return a, nil
}

// ChangeAlias gives an alias other targets.
func (d *Directory) ChangeAlias(ctx context.Context, address mail.Path, targets []mail.Path) (Alias, error) {
	address = address.Fold()
	s, err := d.update(ctx, func(s *Snapshot) ([]Change, error) {
		a, ok := s.Alias(address)
		if !ok {
			return nil, ErrNoAlias
		}
		a.Targets = targets
		return s.checkedAlias(a)
	})
	if err != nil {
		return Alias{}, fmt.Errorf("directory: change alias %s: %w", address, err)
	}
	a, _ := s.Alias(address)
	return a, nil
}

// RemoveAlias removes an alias that no other leads to.
func (d *Directory) RemoveAlias(ctx context.Context, address mail.Path) error {
	address = address.Fold()
	_, err := d.update(ctx, func(s *Snapshot) ([]Change, error) {
		a, ok := s.Alias(address)
		if !ok {
			return nil, ErrNoAlias
		}
		return []Change{{Alias: &a, Gone: true}}, s.unused(address)
	})
	if err != nil {
		return fmt.Errorf("directory: remove alias %s: %w", address, err)
	}
	return nil
}

// checkedAlias makes the targets canonical and refuses those that lead nowhere or
// back.
func (s *Snapshot) checkedAlias(a Alias) ([]Change, error) {
	targets := make([]mail.Path, 0, len(a.Targets))
	for _, t := range a.Targets {
		address, err := s.target(t)
		if err == nil && !slices.Contains(targets, address) {
			targets = append(targets, address)
			err = s.checkTarget(a.Address, address)
		}
		if err != nil {
			return nil, fmt.Errorf("target %s: %w", t, err)
		}
	}
	if len(targets) == 0 || len(targets) > MaxTargets {
		return nil, fmt.Errorf("%w: it has %d targets; give 1 to %d", ErrInvalid, len(targets), MaxTargets)
	}
	a.Targets = targets
	return []Change{{Alias: &a}}, nil
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
	if _, ours := s.Domain(address.Domain()); ours {
		return s.canonical(address.Fold()), nil
	}
	return address, nil
}

// canonical is an address in its domain's own name.
func (s *Snapshot) canonical(a mail.Path) mail.Path {
	if dom, ok := s.Domain(a.Domain()); ok && dom.Name != a.Domain() {
		return mail.Path(a.Local() + "@" + dom.Name)
	}
	return a
}

func (s *Snapshot) checkTarget(alias, t mail.Path) error {
	if way := s.wayBack(alias, t, map[mail.Path]bool{}); way != nil {
		names := make([]string, len(way))
		for i, p := range way {
			names[i] = string(p)
		}
		return fmt.Errorf("%w: %s -> %s", ErrLoop, alias, strings.Join(names, " -> "))
	}
	return s.leads(t)
}

// leads fails where mail for an address of ours would go nowhere.
func (s *Snapshot) leads(t mail.Path) error {
	dom, ours := s.Domain(t.Domain())
	if !ours || len(dom.Hosts) > 0 {
		return nil // others know
	}
	if box, next := s.holder(t); box == nil && next == nil {
		return fmt.Errorf("%w and no such alias; add it first", ErrNoMailbox)
	}
	return nil
}

// wayBack returns how mail for t comes to alias, or nil where it does not.
func (s *Snapshot) wayBack(alias, t mail.Path, seen map[mail.Path]bool) []mail.Path {
	for _, form := range forms(t) {
		if form == alias {
			return []mail.Path{t}
		}
		if _, ok := s.Mailbox(form); ok {
			return nil
		}
		next, ok := s.Alias(form)
		if !ok {
			continue
		}
		if seen[form] {
			return nil
		}
		seen[form] = true
		for _, further := range next.Targets {
			if way := s.wayBack(alias, further, seen); way != nil {
				return append([]mail.Path{t}, way...)
			}
		}
		return nil
	}
	return nil
}
