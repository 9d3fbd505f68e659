package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatepost/mailbox"
	"gatepost/mailbox/ruleset"
	"gatepost/mailbox/sieve"
)

// ownerRules keeps what owners set in simple words as a script among their others.
type ownerRules struct {
	scripts mailbox.ScriptChanges
	now     func() time.Time
}

// A settler is ownerRules with a box's scripts as one commit sees them.
type settler struct {
	scripts mailbox.Scripts
	now     func() time.Time
}

// read returns what is set for a box, and whether it is in force: its script is active, or the
// active one includes it. active is the name of that. It fails with ruleset.ErrEdited.
func (o ownerRules) read(ctx context.Context, box int64) (s ruleset.Settings, active string, runs bool, err error) {
	return settler{o.scripts, o.now}.read(ctx, box)
}

func (o settler) read(ctx context.Context, box int64) (s ruleset.Settings, active string, runs bool, err error) {
	all, err := o.scripts.Scripts(ctx, box)
	if err != nil {
		return s, "", false, err
	}
	for _, one := range all {
		if one.Active {
			active = one.Name
		}
	}
	if runs = active == ruleset.Name; active != "" && !runs {
		if runs, err = o.includes(ctx, box, active); err != nil {
			return s, active, false, err
		}
	}
	kept, err := o.scripts.Script(ctx, box, ruleset.Name)
	switch {
	case errors.Is(err, mailbox.ErrNoScript):
		return s, active, runs, nil
	case err != nil:
		return s, active, false, err
	}
	s, err = ruleset.Read(kept.Content)
	return s, active, runs, err
}

// includes reports whether a script of the owner includes what is set.
func (o settler) includes(ctx context.Context, box int64, name string) (bool, error) {
	one, err := o.scripts.Script(ctx, box, name)
	if err != nil {
		return false, err
	}
	compiled, err := sieve.Compile(one.Content)
	if err != nil {
		return false, nil // it can't run either
	}
	return slices.ContainsFunc(compiled.Includes(), func(i sieve.Include) bool { return i.Name == ruleset.Name }), nil
}

// change sets something, and puts it in force: where another script is active, and does not include
// this one, this one becomes active and runs that behind. Where nothing is set any more, that
// is active again. All of it is one commit, so that no other change is lost. change may run again.
func (o ownerRules) change(ctx context.Context, box int64, change func(*ruleset.Settings)) error {
	return o.scripts.Together(ctx, box, func(s mailbox.Scripts) error {
		return settler{s, o.now}.change(ctx, box, change)
	})
}

func (o settler) change(ctx context.Context, box int64, change func(*ruleset.Settings)) error {
	s, active, runs, err := o.read(ctx, box)
	if err != nil {
		return err
	}
	if active != ruleset.Name {
		s.Then = ""
		if !runs {
			s.Then = active
		}
	}
	change(&s)
	if err := s.Check(); err != nil {
		return err
	}
	if s.Empty() {
		return o.end(ctx, box, s, active, runs)
	}
	if err := o.put(ctx, box, s); err != nil || runs {
		return err
	}
	return o.scripts.ActivateScript(ctx, box, ruleset.Name)
}

func (o settler) put(ctx context.Context, box int64, s ruleset.Settings) error {
	script, err := s.Script()
	if err != nil {
		return err
	}
	if _, err := sieve.Compile(script); err != nil {
		return fmt.Errorf("%w: %w", ruleset.ErrSettings, err)
	}
	return o.scripts.PutScript(ctx, box, mailbox.Script{Name: ruleset.Name, Content: script, Changed: o.now()})
}

// end takes the script away, unless another one that includes it is active.
func (o settler) end(ctx context.Context, box int64, s ruleset.Settings, active string, runs bool) error {
	if active == ruleset.Name {
		err := o.scripts.ActivateScript(ctx, box, s.Then)
		if errors.Is(err, mailbox.ErrNoScript) { // the owner has deleted it
			err = o.scripts.ActivateScript(ctx, box, "")
		}
		if err != nil {
			return err
		}
	} else if runs {
		return o.put(ctx, box, ruleset.Settings{})
	}
	if err := o.scripts.DeleteScript(ctx, box, ruleset.Name); !errors.Is(err, mailbox.ErrNoScript) {
		return err
	}
	return nil
}
