package app

import (
	"context"
	"errors"
	"fmt"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/directory"
	"gatepost/mailbox"
	"gatepost/mailbox/sieve"
)

func (a *App) sieveOps(h control.Handlers) {
	control.On(h, func(ctx context.Context, q ops.SieveList) ([]ops.Script, error) {
		m, err := a.owner(q.Address)
		if err != nil {
			return nil, err
		}
		all, err := a.rules.Scripts(ctx, m.ID)
		if err != nil {
			return nil, err
		}
		list := []ops.Script{}
		for _, s := range all {
			list = append(list, shownScript(s))
		}
		return list, nil
	})
	control.On(h, a.showScript)
	control.On(h, a.putScript)
	control.On(h, func(_ context.Context, q ops.SieveCheck) (ops.Nothing, error) {
		_, err := compileScript(q.Content)
		return ops.Nothing{}, err
	})
	control.On(h, func(ctx context.Context, q ops.SieveActivate) (ops.Nothing, error) {
		m, err := a.owner(q.Address)
		if err == nil {
			err = toldScript(m, a.rules.ActivateScript(ctx, m.ID, q.Name))
		}
		return ops.Nothing{}, err
	})
	control.On(h, func(ctx context.Context, q ops.SieveDelete) (ops.Nothing, error) {
		m, err := a.owner(q.Address)
		if err == nil {
			err = toldScript(m, a.rules.DeleteScript(ctx, m.ID, q.Name))
		}
		return ops.Nothing{}, err
	})
}

func shownScript(s mailbox.Script) ops.Script {
	return ops.Script{Name: s.Name, Active: s.Active, Changed: s.Changed, Content: s.Content}
}

// toldScript says what is the caller's mistake.
func toldScript(m directory.Mailbox, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, mailbox.ErrNoScript):
		return control.NotFound("mailbox %s: %v", m.Address, mailbox.ErrNoScript)
	case errors.Is(err, mailbox.ErrScriptActive):
		return fmt.Errorf("mailbox %s: the script is active: activate another one first, or none", m.Address)
	case errors.Is(err, mailbox.ErrScriptName):
		return control.Misused("%v", err)
	}
	return err
}

// compileScript refuses a script that could not run, with the line of each of its errors.
func compileScript(content string) (*sieve.Script, error) {
	s, err := sieve.Compile(content)
	if err != nil {
		return nil, control.Misused("the script can't run:\n%v", err)
	}
	return s, nil
}

func (a *App) showScript(ctx context.Context, q ops.SieveShow) (ops.Script, error) {
	m, err := a.owner(q.Address)
	if err != nil {
		return ops.Script{}, err
	}
	if q.Name == "" {
		if q.Name, err = a.activeScript(ctx, m.ID); err != nil {
			return ops.Script{}, err
		}
	}
	if q.Name == "" {
		return ops.Script{}, control.NotFound("mailbox %s has no active script", m.Address)
	}
	s, err := a.rules.Script(ctx, m.ID, q.Name)
	return shownScript(s), toldScript(m, err)
}

// activeScript returns the name of a box's active script, "" for none.
func (a *App) activeScript(ctx context.Context, box int64) (string, error) {
	all, err := a.rules.Scripts(ctx, box)
	for _, s := range all {
		if s.Active {
			return s.Name, err
		}
	}
	return "", err
}

func (a *App) putScript(ctx context.Context, q ops.SievePut) (ops.Script, error) {
	m, err := a.owner(q.Address)
	if err != nil {
		return ops.Script{}, err
	}
	compiled, err := compileScript(q.Content)
	if err != nil {
		return ops.Script{}, err
	}
	scripts := a.rules
	err = scripts.PutScript(ctx, m.ID, mailbox.Script{Name: q.Name, Content: q.Content, Changed: a.now()})
	if err == nil && q.Activate {
		err = scripts.ActivateScript(ctx, m.ID, q.Name)
	}
	if err != nil {
		return ops.Script{}, toldScript(m, err)
	}
	s, err := scripts.Script(ctx, m.ID, q.Name)
	if err != nil {
		return ops.Script{}, toldScript(m, err)
	}
	shown := shownScript(s)
	for _, other := range compiled.Includes() {
		if _, err := scripts.Script(ctx, m.ID, other.Name); errors.Is(err, mailbox.ErrNoScript) && !other.Optional {
			shown.Warnings = append(shown.Warnings, fmt.Sprintf("it includes %q, which is not there: mail goes to the inbox until it is", other.Name))
		}
	}
	return shown, nil
}
