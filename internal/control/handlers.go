package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A Request is the parameters of an operation, and knows its name.
type Request interface{ Op() string }

// Handlers are functions by the operation that they do. Their Handle is a Handler.
type Handlers map[string]func(ctx context.Context, params json.RawMessage) (any, error)

// On has f do the operation of requests of type P. Parameters that P does not
// know are refused.
func On[P Request, R any](h Handlers, f func(context.Context, P) (R, error)) {
	var none P
	h[none.Op()] = func(ctx context.Context, params json.RawMessage) (any, error) {
		var p P
		if err := strictly(params, &p); err != nil {
			return nil, Misused("%s: %v", none.Op(), err)
		}
		return f(ctx, p)
	}
}

// Handle does what the operation is.
func (h Handlers) Handle(ctx context.Context, op string, params json.RawMessage) (any, error) {
	f := h[op]
	if f == nil {
		return nil, Misused("unknown operation %q", op)
	}
	return f(ctx, params)
}

func strictly(raw json.RawMessage, v any) error {
	if len(raw) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// Decode reads a result as a Client gets it; nil takes none.
func Decode(raw json.RawMessage, result any) error {
	if result == nil || len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, result); err != nil {
		return fmt.Errorf("control: result: %w", err)
	}
	return nil
}
