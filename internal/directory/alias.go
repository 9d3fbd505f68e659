package directory

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/mail"
)

// An Alias is an address that stores nothing: its mail goes to its targets,
// mailboxes or other aliases here, or addresses elsewhere.
type Alias struct {
	Address mail.Path   `json:"address"` // folded
	Kind    AliasKind   `json:"kind"`
	Targets []mail.Path `json:"targets"` // each once, at least one; those here folded
	Post    Posting     `json:"post"`    // of a distribution list; "" of others
	Owner   mail.Path   `json:"owner"`   // of a distribution list: who gets its bounces
	Created time.Time   `json:"created"`
}

// An AliasKind is what an Alias is for.
type AliasKind string

// Kinds of aliases.
const (
	PlainAlias   AliasKind = "alias"        // to up to MaxTargets; the default
	Forward      AliasKind = "forward"      // to one address elsewhere
	Distribution AliasKind = "distribution" // a list with up to MaxMembers, which an owner looks after
)

// A Posting says who may send to a distribution list. It is judged by the
// reverse-path, which anybody can write: it keeps accidents out, and those
// strangers whom the filters leave no name of ours.
type Posting string

// Postings.
const (
	PostAll     Posting = "all"     // the default
	PostDomain  Posting = "domain"  // who is of the list's domain
	PostMembers Posting = "members" // who is among its members, directly or through other aliases
)

// Bounds of targets.
const (
	MaxTargets = 1000   // of an alias
	MaxMembers = 10_000 // of a distribution list
)

// title names an alias in a sentence.
func (a Alias) title() string {
	if a.Kind == Distribution {
		return "distribution list " + string(a.Address)
	}
	return string(a.Kind) + " " + string(a.Address)
}

// leads returns all that an alias depends on.
func (a Alias) leads() []mail.Path {
	if a.Owner.IsNull() {
		return a.Targets
	}
	return append(a.Targets[:len(a.Targets):len(a.Targets)], a.Owner)
}

// AddAlias adds an alias, a forward or a distribution list in a domain that is here.
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
		return Alias{}, fmt.Errorf("directory: add %s %s: %w", a.Kind.orPlain(), address, err)
	}
	a, _ = s.Alias(address)
	return a, nil
}

// ChangeAlias lets change edit an alias's targets and, of a distribution list, who
// posts and who owns it; the address and kind stay. change may run more than once.
func (d *Directory) ChangeAlias(ctx context.Context, address mail.Path, change func(*Alias) error) (Alias, error) {
	address = address.Fold()
	s, err := d.update(ctx, func(s *Snapshot) ([]Change, error) {
		a, ok := s.Alias(address)
		if !ok {
			return nil, ErrNoAlias
		}
		next := a
		if err := change(&next); err != nil {
			return nil, err
		}
		next.Address, next.Kind, next.Created = a.Address, a.Kind, a.Created
		return s.checkedAlias(next)
	})
	if err != nil {
		return Alias{}, fmt.Errorf("directory: change alias %s: %w", address, err)
	}
	a, _ := s.Alias(address)
	return a, nil
}

// RemoveAlias removes an alias that nothing leads to.
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

func (k AliasKind) orPlain() AliasKind {
	if k == "" {
		return PlainAlias
	}
	return k
}

// checkedAlias makes an alias canonical, and refuses one that leads nowhere or back.
func (s *Snapshot) checkedAlias(a Alias) ([]Change, error) {
	a.Kind = a.Kind.orPlain()
	check := map[AliasKind]func(*Alias) error{PlainAlias: s.checkPlain, Forward: s.checkForward, Distribution: s.checkDistribution}[a.Kind]
	if check == nil {
		return nil, oneOf("kind", a.Kind, PlainAlias, Forward, Distribution)
	}
	if a.Kind != Distribution && (a.Post != "" || !a.Owner.IsNull()) {
		return nil, fmt.Errorf("%w: only a distribution list has an owner and a rule who posts", ErrInvalid)
	}
	if err := check(&a); err != nil {
		return nil, err
	}
	return []Change{{Alias: &a}}, nil
}

func (s *Snapshot) checkPlain(a *Alias) (err error) {
	a.Targets, err = s.targets(a.Address, "target", a.Targets, MaxTargets)
	return err
}

func (s *Snapshot) checkForward(a *Alias) (err error) {
	if a.Targets, err = s.targets(a.Address, "target", a.Targets, 1); err != nil {
		return err
	}
	if box, next := s.holder(a.Targets[0]); box != nil || next != nil {
		return fmt.Errorf("%w: target %s is here; a forward leads elsewhere, make it an alias", ErrInvalid, a.Targets[0])
	}
	return nil
}

func (s *Snapshot) checkDistribution(a *Alias) (err error) {
	if a.Post == "" {
		a.Post = PostAll
	}
	if err := oneOf("post", a.Post, PostAll, PostDomain, PostMembers); err != nil {
		return err
	}
	if a.Targets, err = s.targets(a.Address, "member", a.Targets, MaxMembers); err != nil {
		return err
	}
	if a.Owner.IsNull() {
		return fmt.Errorf("%w: it has no owner; name the address that gets its bounces", ErrInvalid)
	}
	owner, err := s.targets(a.Address, "owner", []mail.Path{a.Owner}, 1)
	if err != nil {
		return err
	}
	a.Owner = owner[0]
	return nil
}
