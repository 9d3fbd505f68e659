package app

import (
	"context"
	"strings"

	"gatepost/internal/control/ops"
	"gatepost/internal/engine"
)

// engineList tells how the engines of the policies in force are.
func (a *App) engineList(ctx context.Context, q ops.Engines) ([]ops.Engine, error) {
	if q.Probe {
		a.engines.probe(ctx)
	}
	list := []ops.Engine{}
	for _, c := range a.engines.conditions() {
		list = append(list, engineOf(c))
	}
	return list, nil
}

func engineOf(c engine.Condition) ops.Engine {
	e := ops.Engine{
		Kind: c.Kind, Address: c.Address, State: "asked", Probed: c.Probed.UTC(), Version: c.Info.Version, Made: c.Info.Signatures.UTC(), Old: c.Old,
		Answers: c.Answers, Failures: c.Failures,
	}
	if c.Trouble != nil {
		e.State, e.Since, e.Trouble = "trouble", c.Since.UTC(), strings.ReplaceAll(c.Trouble.Error(), "\n", "; ")
		if c.Trying {
			e.State = "trying"
		}
	}
	return e
}
