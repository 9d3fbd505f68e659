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

// patience is how long Open waits for another process, and pause how long between
// two looks.
const (
	patience = time.Minute
	pause    = 50 * time.Millisecond
)

// Open opens a Machine on dir. open fails with ErrLocked while another process owns
// dir: Open waits for one that serves nobody, since it is starting or does a single
// request; where a server answers, or shows up, ErrLocked is the result.
func Open[M Machine](ctx context.Context, dir string, open func(context.Context) (M, error)) (M, error) {
	deadline := time.After(patience)
	for {
		m, err := open(ctx)
		if !errors.Is(err, ErrLocked) {
			return m, err
		}
		if c, dialled := Dial(dir); dialled == nil {
			return m, errors.Join(err, c.Close())
		}
		select {
		case <-time.After(pause):
		case <-deadline:
			return m, err
		case <-ctx.Done():
			return m, context.Cause(ctx)
		}
	}
}

// Do has the process that serves dir do the request; where none does, it Opens a
// Machine for it.
func Do(ctx context.Context, dir string, open func(context.Context) (Machine, error), r Request, result any) error {
	m, c, err := reach(ctx, dir, open)
	switch {
	case err != nil:
		return err
	case c != nil:
		return c.Do(ctx, r, result)
	}
	err = handle(WithPerson(ctx, self()), m, r, result)
	if closed := m.Close(); err == nil {
		err = closed
	}
	return err
}

// reach returns one of the two ways in: the owner's socket, or a Machine of our own.
func reach(ctx context.Context, dir string, open func(context.Context) (Machine, error)) (Machine, *Client, error) {
	c, err := Dial(dir)
	if !errors.Is(err, ErrNotRunning) {
		return nil, c, err
	}
	m, err := Open(ctx, dir, open)
	if errors.Is(err, ErrLocked) {
		if c, dialled := Dial(dir); dialled == nil {
			return nil, c, nil
		}
	}
	return m, nil, err
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
