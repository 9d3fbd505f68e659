package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"gatepost/internal/blob"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/mail"
	"gatepost/quarantine"
)

func (a *App) quarantineOps(h control.Handlers) {
	control.On(h, a.listHeld)
	control.On(h, a.showHeld)
	control.On(h, a.digestNow)
	control.On(h, func(ctx context.Context, q ops.QuarantineRelease) ([]ops.Held, error) {
		return a.settle(ctx, q.IDs, a.releaseHeld)
	})
	control.On(h, func(ctx context.Context, q ops.QuarantineDelete) ([]ops.Held, error) {
		return a.settle(ctx, q.IDs, a.deleteHeld)
	})
}

// settle does something to each message. All must exist before anything is done;
// what fails then is told with what was done.
func (a *App) settle(ctx context.Context, ids []string, do actOn) ([]ops.Held, error) {
	for _, id := range ids {
		if _, err := a.quarantine.Show(ctx, id); err != nil {
			return nil, missing(err)
		}
	}
	list, errs := []ops.Held{}, []error(nil)
	for _, id := range ids {
		h, err := do(ctx, id, operator)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, held(h))
	}
	return list, errors.Join(errs...)
}

func missing(err error) error {
	if errors.Is(err, quarantine.ErrUnknown) {
		return control.NotFound("%v", err)
	}
	return err
}

func (a *App) listHeld(ctx context.Context, q ops.QuarantineList) ([]ops.Held, error) {
	query := quarantine.Query{
		Recipient: spelled(q.Recipient), Sender: spelled(q.Sender), Domain: spelledDomain(q.Domain), Subject: q.Subject, Filter: q.Filter,
		State: quarantine.State(q.State), Since: q.Since, Until: q.Until, Limit: q.Limit,
	}
	switch q.State {
	case "":
		query.State = quarantine.StateHeld
	case "any":
		query.State = ""
	case "held", "released", "expired", "deleted", "rejected":
	default:
		return nil, control.Misused("state: %q is none of held, released, expired, deleted, rejected, any", q.State)
	}
	if q.Client != "" {
		addr, err := netip.ParseAddr(q.Client)
		if err != nil {
			return nil, control.Misused("client: %v", err)
		}
		query.Client = addr
	}
	if q.After != "" {
		h, err := a.quarantine.Show(ctx, q.After)
		if err != nil {
			return nil, missing(err)
		}
		query.After = h.Cursor()
	}
	found, err := a.quarantine.Find(ctx, query)
	list := []ops.Held{}
	for _, h := range found.Rows {
		list = append(list, held(h))
	}
	return list, err
}

func held(h quarantine.Held) ops.Held {
	return ops.Held{
		ID: h.ID, Recipient: string(h.Recipient), Sender: string(h.Sender), Subject: h.Subject, Client: h.Client.String(),
		Filter: h.Filter, Reason: h.Reason, Score: h.Score, State: string(h.State), Size: h.Size, Time: h.Time, Expires: h.Expires, Tx: h.Tx,
	}
}

func (a *App) showHeld(ctx context.Context, q ops.QuarantineShow) (ops.HeldDetail, error) {
	h, err := a.quarantine.Show(ctx, q.ID)
	if err != nil {
		return ops.HeldDetail{}, missing(err)
	}
	d := ops.HeldDetail{Held: held(h), Walks: []ops.Walk{}, History: []ops.Act{}}
	for _, act := range h.Acts {
		d.History = append(d.History, ops.Act{Time: act.When, State: string(act.What), By: act.Who})
	}
	record, _, err := a.journal.Show(ctx, h.Tx)
	if err != nil {
		a.log.Warn("walk of a held message not found", "held", h.ID, "id", h.Tx, "error", err)
	} else {
		for _, w := range walks(record) {
			if mail.Path(w.Recipient).Fold() == h.Recipient.Fold() || w.Recipient == "" {
				d.Walks = append(d.Walks, w)
			}
		}
	}
	return d, a.headers(ctx, h, &d)
}

// headers fills in the header, and the author, of the message as it would be
// served. The content of a message that was given up may be gone.
func (a *App) headers(ctx context.Context, h quarantine.Held, d *ops.HeldDetail) error {
	content, err := a.blobs.Open(ctx, blob.ID(h.Blob))
	if errors.Is(err, blob.ErrNotFound) && h.State != quarantine.StateHeld {
		return nil
	}
	if err != nil {
		return fmt.Errorf("content %s: %w", h.Blob, err)
	}
	defer content.Close()
	m := h.View.Message(mail.NewSpooled(content, content.Size()))
	b, err := io.ReadAll(io.NewSectionReader(m, 0, m.Header().Size))
	d.Headers, d.Author = string(b), m.Header().Text("From")
	return err
}
