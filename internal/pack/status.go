package pack

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Status is how a pack stands.
type Status struct {
	Source   Source
	Current  int       // number of the version in force, 0: none has come yet
	Versions []Version // the newest first
	Looked   time.Time // zero: not since the start
	Next     time.Time // when it is looked for the next time
	Err      string    // of the last look
}

// Status returns how a pack stands.
func (k *Keeper) Status(name string) (Status, error) {
	p := k.get(name)
	if p == nil {
		return Status{}, fmt.Errorf("pack %q: %w", name, ErrUnknown)
	}
	return p.status(), nil
}

// List returns how all packs stand, by name.
func (k *Keeper) List() []Status {
	k.mu.RLock()
	defer k.mu.RUnlock()
	list := make([]Status, 0, len(k.packs))
	for _, p := range k.packs {
		list = append(list, p.status())
	}
	slices.SortFunc(list, func(a, b Status) int { return strings.Compare(a.Source.Name, b.Source.Name) })
	return list
}

func (p *kept) status() Status {
	s := Status{Source: p.source, Current: p.state.Current, Versions: slices.Clone(p.state.Versions), Looked: p.looked, Next: p.next}
	slices.Reverse(s.Versions)
	if p.err != nil {
		s.Err = p.err.Error()
	}
	return s
}
