package quarantine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// A Choice says what is listed with a message, and for whom.
type Choice struct {
	Domain bool   // the sender's whole domain, not only the address
	Wide   bool   // for all of the recipient's domain, not only the mailbox
	Origin string // as the list has it; "": "release" for who is allowed, "owner" for who is blocked
}

// Allow releases a message and allows its sender from now on. A message that was
// released before is fine: its sender is allowed. Nothing is done, and the error is
// ErrUnproven, ErrOwn or ErrNobody, where the entry would never count or could be
// claimed by anybody. Else it fails as Release does.
func (q *Quarantine) Allow(ctx context.Context, id string, by By, c Choice) (Held, error) {
	h, err := q.allow(ctx, id, by, c)
	if err != nil {
		return Held{}, fmt.Errorf("quarantine: allow the sender of %s: %w", id, err)
	}
	return h, nil
}

func (q *Quarantine) allow(ctx context.Context, id string, by By, c Choice) (Held, error) {
	h, err := q.c.Reader.Show(ctx, id)
	if err != nil {
		return Held{}, err
	}
	if err := cmp.Or(q.Allowable(h), q.listable(h, c)); err != nil {
		return Held{}, err
	}
	if h.State != StateReleased {
		if h, err = q.release(ctx, id, by); err != nil {
			return Held{}, err
		}
	}
	if c.Origin == "" {
		c.Origin = "release"
	}
	return q.list(ctx, h, by, c, true)
}

// Allowable returns nil where Allow would list a message's sender, and else why not.
func (q *Quarantine) Allowable(h Held) error {
	switch {
	case h.Sender == "":
		return ErrNobody
	case h.Proof == "":
		return ErrUnproven
	case q.c.Lists != nil && q.c.Lists.Own(h):
		return ErrOwn
	}
	return nil
}

// Block deletes a message and blocks its sender from now on. A message that is not held
// any more, and was not released, is fine: its sender is blocked. It fails with
// ErrNobody, and as Delete does.
func (q *Quarantine) Block(ctx context.Context, id string, by By, c Choice) (Held, error) {
	h, err := q.block(ctx, id, by, c)
	if err != nil {
		return Held{}, fmt.Errorf("quarantine: block the sender of %s: %w", id, err)
	}
	return h, nil
}

func (q *Quarantine) block(ctx context.Context, id string, by By, c Choice) (Held, error) {
	h, err := q.c.Reader.Show(ctx, id)
	switch {
	case err != nil:
		return Held{}, err
	case h.Sender == "":
		return Held{}, ErrNobody
	case h.State == StateReleased:
		return Held{}, h.Open()
	}
	if err := q.listable(h, c); err != nil { // before anything is done
		return Held{}, err
	}
	if h.State == StateHeld {
		if h, err = q.c.Settler.Settle(ctx, id, q.act(by, StateDeleted), nil); err != nil {
			return Held{}, err
		}
	}
	if c.Origin == "" {
		c.Origin = "owner"
	}
	return q.list(ctx, h, by, c, false)
}

func (q *Quarantine) listable(h Held, c Choice) error {
	if q.c.Lists == nil {
		return errors.New("there are no lists")
	}
	return q.c.Lists.Listable(h, c.Wide)
}

// list makes the entry and notes it with the message.
func (q *Quarantine) list(ctx context.Context, h Held, by By, c Choice, allow bool) (Held, error) {
	act, value := q.act(by, ActBlocked), string(h.Sender.Fold())
	if allow {
		act.What = ActAllowed
	}
	if c.Domain {
		value = h.Sender.Fold().Domain()
	}
	l := Listing{Allow: allow, Value: value, Held: h, Wide: c.Wide, Origin: c.Origin, Note: "with the held message " + h.ID + ", by " + by.Who}
	if err := q.c.Lists.List(ctx, l); err != nil {
		return Held{}, fmt.Errorf("the message is %s, but: %w", h.State, err)
	}
	return q.c.Settler.Note(ctx, h.ID, act)
}
