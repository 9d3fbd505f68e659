package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A Machine is what a process has that owns a data directory.
type Machine interface {
	Handle(ctx context.Context, op string, params json.RawMessage) (any, error)
	Close() error
}

// patience is how long Do waits for another process that is starting, or that
// does one request as Do itself may.
const patience = 10 * time.Second

// Do has the process that serves dir do the request; where none does, it opens a
// Machine for it. open fails with ErrLocked while another process owns dir.
func Do(ctx context.Context, dir string, open func(context.Context) (Machine, error), r Request, result any) error {
	m, c, err := reach(ctx, dir, open)
	switch {
	case err != nil:
		return err
	case c != nil:
		return c.Do(ctx, r, result)
	}
	err = handle(ctx, m, r, result)
	if closed := m.Close(); err == nil {
		err = closed
	}
	return err
}

// reach returns one of the two ways in: either the owner's socket, or a Machine of
// our own. While there is an owner without a socket it tries again.
func reach(ctx context.Context, dir string, open func(context.Context) (Machine, error)) (Machine, *Client, error) {
	deadline := time.After(patience)
	for {
		c, err := Dial(dir)
		if !errors.Is(err, ErrNotRunning) {
			return nil, c, err
		}
		m, err := open(ctx)
		if !errors.Is(err, ErrLocked) {
			return m, nil, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			return nil, nil, err
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
}

// handle has m do the request in this process, by way of JSON as through the
// socket, so that a result is the same on both ways.
func handle(ctx context.Context, m Machine, r Request, result any) error {
	params, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("control: %s: %w", r.Op(), err)
	}
	v, err := m.Handle(ctx, r.Op(), params)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("control: result of %s: %w", r.Op(), err)
	}
	return Decode(raw, result)
}
