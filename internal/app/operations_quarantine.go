package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/quarantine"
)

func (a *App) quarantineOps(h control.Handlers) {
	control.On(h, a.listHeld)
	control.On(h, a.countHeld)
	control.On(h, a.showHeld)
	control.On(h, a.digestNow)
	control.On(h, a.bulkOp)
	control.On(h, a.filtersHeld)
	control.On(h, func(ctx context.Context, q ops.QuarantineRelease) ([]ops.Held, error) {
		return a.settle(ctx, q.IDs, warned(q.Guarded, a.releaseHeld))
	})
	control.On(h, func(ctx context.Context, q ops.QuarantineDelete) ([]ops.Held, error) {
		return a.settle(ctx, q.IDs, a.deleteHeld)
	})
	control.On(h, func(ctx context.Context, q ops.QuarantineAsk) ([]ops.Held, error) {
		return a.settle(ctx, q.IDs, a.askHeld)
	})
	control.On(h, func(ctx context.Context, q ops.QuarantineAllow) ([]ops.Held, error) {
		return a.settle(ctx, q.IDs, warned(q.Guarded, a.allowHeld(choice(q.HeldChoice))))
	})
	control.On(h, func(ctx context.Context, q ops.QuarantineBlock) ([]ops.Held, error) {
		return a.settle(ctx, q.IDs, a.blockHeld(choice(q.HeldChoice)))
	})
}

func choice(c ops.HeldChoice) quarantine.Choice {
	return quarantine.Choice{Domain: c.SenderDomain, Wide: c.ForDomain, Origin: "admin"}
}

// warned lets what is dangerous be released only by one who says that he knows.
func warned(knows bool, do actOn) actOn {
	return func(ctx context.Context, id string, by quarantine.By) (quarantine.Held, error) {
		h, err := do(ctx, id, quarantine.By{Who: by.Who, Operator: by.Operator && knows})
		if errors.Is(err, quarantine.ErrGuarded) && !knows {
			err = fmt.Errorf("%s is dangerous; say so with --guarded to release it: %w", id, err)
		}
		return h, err
	}
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
		h, err := do(ctx, id, operator(ctx))
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

// heldQuery is what a request asks for.
func heldQuery(q ops.HeldFilter) (quarantine.Query, error) {
	query := quarantine.Query{
		Recipient: spelled(q.Recipient), Sender: spelled(q.Sender), NullOnly: q.NullSender, Domain: spelledDomain(q.Domain), Subject: q.Subject, Text: q.Text,
		Filter: q.Filter, Reason: q.Reason, Asked: q.Asked, Guarded: q.Guarded, Tx: q.Tx,
		State: quarantine.State(q.State), Since: q.Since, Until: q.Until,
	}
	switch q.State {
	case "":
		query.State = quarantine.StateHeld
	case "any":
		query.State = ""
	case "held", "released", "expired", "deleted", "rejected":
	default:
		return query, control.Misused("state: %q is none of held, released, expired, deleted, rejected, any", q.State)
	}
	if q.Client != "" {
		addr, err := netip.ParseAddr(q.Client)
		if err != nil {
			return query, control.Misused("client: %v", err)
		}
		query.Client = mail.Unmap(addr)
	}
	return query, nil
}

func (a *App) listHeld(ctx context.Context, q ops.QuarantineList) ([]ops.Held, error) {
	query, err := heldQuery(q.HeldFilter)
	if err != nil {
		return nil, err
	}
	if q.After != "" {
		h, err := a.quarantine.Show(ctx, q.After)
		if err != nil {
			return nil, missing(err)
		}
		query.After = h.Cursor()
	}
	limit := q.Limit
	if limit <= 0 || limit > quarantine.MaxPage {
		limit = quarantine.MaxPage
	}
	list := []ops.Held{}
	for { // a page may be less than all that there is
		query.Limit = limit - len(list)
		page, err := a.quarantine.Find(ctx, query)
		if err != nil {
			return nil, err
		}
		for _, h := range page.Rows {
			list = append(list, held(h))
		}
		if !page.More || len(list) == limit {
			return list, nil
		}
		query.After = page.Next
	}
}

// maxCount bounds what is counted by one request.
const maxCount = 100_000

func (a *App) countHeld(ctx context.Context, q ops.QuarantineCount) (ops.HeldCount, error) {
	query, err := heldQuery(q.HeldFilter)
	if err != nil {
		return ops.HeldCount{}, err
	}
	if q.Most <= 0 || q.Most > maxCount {
		q.Most = maxCount
	}
	n, more, err := a.quarantine.Count(ctx, query, q.Most)
	return ops.HeldCount{Count: n, More: more}, err
}

// maxBulk bounds what one request does, so that who waits for it can tell how far it is.
const maxBulk = 500

func (a *App) bulkOp(ctx context.Context, q ops.QuarantineBulk) (ops.HeldBulk, error) {
	none := ops.HeldBulk{Failures: []ops.HeldFailure{}}
	query, err := heldQuery(q.HeldFilter)
	if err != nil {
		return none, err
	}
	do := map[string]actOn{
		"release": a.releaseHeld, "delete": a.deleteHeld, "allow": a.allowHeld(choice(q.HeldChoice)), "block": a.blockHeld(choice(q.HeldChoice)),
	}[q.Act]
	switch {
	case do == nil:
		return none, control.Misused("act: %q is none of release, delete, allow, block", q.Act)
	case query.State != quarantine.StateHeld:
		return none, control.Misused("state: only what is held can be told to %s", q.Act)
	}
	if query.After, err = parseCursor(q.After); err != nil {
		return none, err
	}
	if q.Limit <= 0 || q.Limit > maxBulk {
		q.Limit = maxBulk
	}
	guarded := 0
	leave := !q.Guarded && (q.Act == "release" || q.Act == "allow")
	b, err := a.quarantine.Bulk(ctx, query, q.Limit, func(ctx context.Context, h quarantine.Held) error {
		if leave && h.Guarded { // nobody was warned
			guarded++
			return nil
		}
		_, err := do(ctx, h.ID, operator(ctx))
		return err
	})
	result := ops.HeldBulk{Done: b.Done - guarded, Guarded: guarded, Skipped: b.Skipped, Failed: b.Failed, Failures: none.Failures, More: b.More, Next: cursorText(b.Next)}
	for _, f := range b.Failures {
		result.Failures = append(result.Failures, ops.HeldFailure{ID: f.ID, Error: f.Err.Error()})
	}
	return result, err
}

// cursorText writes a place in the order of held messages for a client to hand back.
func cursorText(c quarantine.Cursor) string {
	if c.Time.IsZero() {
		return ""
	}
	return strconv.FormatInt(c.Time.UnixMicro(), 10) + "/" + c.ID
}

func parseCursor(s string) (quarantine.Cursor, error) {
	if s == "" {
		return quarantine.Cursor{}, nil
	}
	micros, id, ok := strings.Cut(s, "/")
	n, err := strconv.ParseInt(micros, 10, 64)
	if !ok || err != nil {
		return quarantine.Cursor{}, control.Misused("after: %q is no place to go on from", s)
	}
	return quarantine.Cursor{Time: time.UnixMicro(n), ID: id}, nil
}

func (a *App) filtersHeld(ctx context.Context, q ops.QuarantineFilters) ([]ops.HeldTally, error) {
	tallies, err := a.quarantine.Tallies(ctx, q.Since)
	list := []ops.HeldTally{}
	for _, t := range tallies {
		list = append(list, ops.HeldTally{Filter: t.Filter, Held: t.Held, Released: t.Released, Asked: t.Asked})
	}
	return list, err
}

func held(h quarantine.Held) ops.Held {
	o := ops.Held{
		ID: h.ID, Recipient: string(h.Recipient), Sender: string(h.Sender), Author: h.Author, Subject: h.Subject,
		Filter: h.Filter, Reason: h.Reason, Score: h.Score, State: string(h.State), Size: h.Size, Time: h.Time, Expires: h.Expires, Tx: h.Tx,
		Proof: h.Proof, Guarded: h.Guarded, Asked: h.Asked, Told: string(h.Told),
	}
	if h.Client.IsValid() {
		o.Client = h.Client.String()
	}
	return o
}

// delivered is where a message stands since its release, in a sentence.
func delivered(h quarantine.Held) string {
	var last quarantine.Act
	was := false
	for _, a := range h.Acts {
		if a.What == quarantine.StateReleased || a.What == quarantine.StateHeld {
			last = a
			was = was || a.What == quarantine.StateReleased
		}
	}
	switch {
	case !was:
		return ""
	case h.State != quarantine.StateReleased:
		return "it was released, and came back: " + last.Who
	case len(h.Ways) == 0 && h.Box > 0:
		return "it is in the mailbox"
	}
	return whereabouts(h, last.When)
}

// whereabouts is where the parts of a released message are that went by the queue.
func whereabouts(h quarantine.Held, since time.Time) string {
	var parts []string
	if h.Box > 0 {
		parts = append(parts, "in the mailbox")
	}
	count := map[string]int{}
	for _, w := range h.Ways {
		switch {
		case !w.Next.IsZero():
			count["waiting"]++
		case !w.Time.Before(since.Add(-time.Minute)): // else of an earlier release; clocks may differ
			count[w.What]++
		}
	}
	for _, e := range []struct{ what, says string }{
		{"waiting", "on its way to %d"}, {queue.Carried.String(), "gone on to %d"}, {queue.Refused.String(), "refused by %d, and held as that"}, {string(queue.Delete), "deleted from the queue for %d"},
	} {
		if n := count[e.what]; n > 0 {
			parts = append(parts, fmt.Sprintf(e.says, n))
		}
	}
	if len(parts) == 0 { // what was tried is remembered for a while
		return "it has left the queue"
	}
	return "it is " + strings.Join(parts, "; ")
}

func ways(list []quarantine.Way) []ops.Way {
	all := []ops.Way{}
	for _, w := range list {
		all = append(all, ops.Way{
			Recipient: string(w.To), What: w.What, Attempts: w.Attempts, Next: w.Next, Time: w.Time, Host: w.Host, Code: w.Code, Status: w.Enhanced, Reply: w.Reply,
		})
	}
	return all
}

func (a *App) showHeld(ctx context.Context, q ops.QuarantineShow) (ops.HeldDetail, error) {
	h, err := a.quarantine.Show(ctx, q.ID)
	if err != nil {
		return ops.HeldDetail{}, missing(err)
	}
	d := ops.HeldDetail{Held: held(h), Delivery: delivered(h), Ways: ways(h.Ways), Walks: []ops.Walk{}, History: []ops.Act{}}
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

// headers fills in the header of the message as it would be
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
	d.Headers = string(b)
	if d.Author == "" { // held before that was kept
		d.Author = m.Header().Text("From")
	}
	return err
}
