package app

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gatepost/internal/blob"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

func (a *App) queueOps(h control.Handlers) {
	control.On(h, a.listQueue)
	control.On(h, a.whyQueued)
	control.On(h, a.changeQueue)
	control.On(h, a.flushQueue)
}

func (a *App) listQueue(ctx context.Context, q ops.QueueList) ([]ops.Transfer, error) {
	query, err := queueQuery(q.QueueFilter)
	if err != nil {
		return nil, err
	}
	query.Limit = q.Limit
	if q.After != "" {
		if query.After, err = strconv.ParseInt(q.After, 10, 64); err != nil {
			return nil, control.Misused("after: %q is no transfer's id", q.After)
		}
	}
	found, err := a.store.Queue().Find(ctx, query)
	list := []ops.Transfer{}
	for _, t := range found {
		list = append(list, a.transfer(t))
	}
	return list, err
}

// queueQuery is what a filter asks for; its IDs are for the caller.
func queueQuery(f ops.QueueFilter) (queue.Query, error) {
	q := queue.Query{
		Message: f.Tx, Sender: spelled(f.Sender), NullOnly: f.NullSender, Recipient: spelled(f.Recipient), Domain: spelledDomain(f.Domain),
		Destination: queue.Destination(f.Destination), State: queue.State(f.State), Failing: f.Failing, Before: f.Before,
	}
	if f.Domain == "" {
		q.Domain = ""
	}
	switch q.State {
	case "", queue.Waiting, queue.Held:
	default:
		return q, control.Misused("state: %q is neither waiting nor held", f.State)
	}
	return q, nil
}

func (a *App) transfer(t *queue.Transfer) ops.Transfer {
	why, _ := a.queue.Why(t)
	return ops.Transfer{
		ID: t.ID, Tx: t.Message.Tx, Sender: string(t.Message.Sender), Recipient: string(t.Recipient), Destination: string(t.Destination),
		State: string(t.State), Size: t.Message.Size, Created: t.Message.Created, Release: t.Message.Params.Release, Trying: why == queue.ForTry, Due: t.Due, Expires: t.Message.Expires,
		Attempts: t.Attempts, Host: t.Last.Host, Code: t.Last.Code, Status: t.Last.Enhanced, Reply: t.Last.Text, Command: t.Last.Command,
	}
}

func (a *App) whyQueued(ctx context.Context, q ops.QueueWhy) (ops.TransferDetail, error) {
	found, err := a.store.Queue().Find(ctx, queue.Query{ID: q.ID, Limit: 1})
	if err != nil {
		return ops.TransferDetail{}, err
	}
	if len(found) == 0 {
		return ops.TransferDetail{}, control.NotFound("transfer %d is not in the queue: it was carried on, refused or removed; the journal tells (gatepost journal search)", q.ID)
	}
	return a.detail(ctx, found[0])
}

// detail is a transfer with all that explains it.
func (a *App) detail(ctx context.Context, t *queue.Transfer) (ops.TransferDetail, error) {
	d := ops.TransferDetail{Transfer: a.transfer(t), Why: a.why(t), Events: []ops.Delivery{}}
	events, err := a.deliveries(ctx, t.Message.Tx)
	if err != nil {
		return d, err
	}
	for _, e := range events {
		if e.Recipient == string(t.Recipient) {
			d.Events = append(d.Events, e)
		}
	}
	content, err := a.blobs.Open(ctx, blob.ID(t.Message.Blob))
	if err != nil {
		return d, fmt.Errorf("content %s: %w", t.Message.Blob, err)
	}
	defer content.Close()
	d.Subject = mail.NewSpooled(content, content.Size()).Header().Text("Subject")
	return d, nil
}

// why says in a sentence what a transfer waits for.
func (a *App) why(t *queue.Transfer) string {
	why, until := a.queue.Why(t)
	at := until.UTC().Format("2006-01-02 15:04:05 UTC")
	switch why {
	case queue.ForAdmin:
		return "an admin holds it; gatepost queue release lets it go on"
	case queue.ForNextHop:
		return "the destination could not be reached and is left alone until " + until.UTC().Format("15:04:05 UTC") + "; gatepost queue flush tries it now"
	case queue.ForSender:
		return "its sender has it wait until " + at + "; gatepost queue recall takes it back"
	case queue.ForTry:
		if t.Attempts > 0 {
			return "it is being tried now, once more"
		}
		return "it is being tried now, for the first time"
	case queue.ForTurn:
		return "it waits for its turn; nothing was tried yet"
	case queue.ForAnswer:
		return fmt.Sprintf("%s answered %d to %s; it is tried again at %s", t.Last.Host, t.Last.Code, t.Last.Command, at)
	}
	return fmt.Sprintf("%s; it is tried again at %s", strings.ReplaceAll(t.Last.Text, "\n", " "), at)
}

// deliveries is what was tried for a transaction.
func (a *App) deliveries(ctx context.Context, tx string) ([]ops.Delivery, error) {
	events, err := a.store.Queue().Events(ctx, tx)
	list := []ops.Delivery{}
	for _, e := range events {
		list = append(list, ops.Delivery{
			Time: e.Time, Recipient: string(e.Recipient), What: e.What, Host: e.Reply.Host, Code: e.Reply.Code,
			Status: e.Reply.Enhanced, Reply: e.Reply.Text, Command: e.Reply.Command,
		})
	}
	return list, err
}

func (a *App) changeQueue(ctx context.Context, q ops.QueueChange) (ops.Changed, error) {
	act := queue.Act(q.Act)
	if !slices.Contains([]queue.Act{queue.Retry, queue.Hold, queue.Release, queue.Delete, queue.Recall}, act) {
		return ops.Changed{}, control.Misused("act %q is none of retry, hold, release, delete, recall", q.Act)
	}
	query, err := queueQuery(q.QueueFilter)
	if err != nil {
		return ops.Changed{}, err
	}
	if reflect.ValueOf(query).IsZero() && len(q.IDs) == 0 && !q.All {
		return ops.Changed{}, control.Misused("which transfers? A filter that says nothing would be all of them")
	}
	queries, err := a.queueQueries(ctx, query, q.IDs)
	if err != nil {
		return ops.Changed{}, err
	}
	sum := ops.Changed{}
	for _, each := range queries {
		n, err := a.store.Queue().Change(ctx, each, act)
		sum.Changed += n
		if err != nil {
			return sum, err
		}
	}
	return sum, a.changedQueue(ctx, act, sum.Changed, func(queue.Destination) bool { return true })
}

// changedQueue notes what somebody did, and has the queue begin where that is to be tried now.
func (a *App) changedQueue(ctx context.Context, act queue.Act, changed int, where func(queue.Destination) bool) error {
	a.log.Info("queue changed", "act", act, "transfers", changed, "by", byCommand(ctx))
	if act == queue.Retry || act == queue.Release {
		return a.tryNow(ctx, where)
	}
	return nil
}

// queueQueries is one query for each id, all of which must be there, or the one
// without.
func (a *App) queueQueries(ctx context.Context, q queue.Query, ids []int64) (list []queue.Query, err error) {
	if len(ids) == 0 {
		return []queue.Query{q}, nil
	}
	for _, id := range ids {
		q.ID = id
		found, err := a.store.Queue().Find(ctx, q)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, control.NotFound("transfer %d is not in the queue", id)
		}
		list = append(list, q)
	}
	return list, nil
}

// tryNow has the queue begin with destinations that have something due, also where
// it leaves them alone.
func (a *App) tryNow(ctx context.Context, which func(queue.Destination) bool) error {
	list, err := a.store.Queue().Destinations(ctx)
	for _, w := range list {
		if which(w.Destination) && w.Due <= 0 {
			a.queue.Flush(w.Destination)
		}
	}
	return err
}

func (a *App) flushQueue(ctx context.Context, q ops.QueueFlush) (ops.Changed, error) {
	meant := func(queue.Destination) bool { return true }
	if q.Destination != "" {
		kind, host, full := strings.Cut(q.Destination, ":")
		if !full {
			kind, host = "", q.Destination
		}
		name := strings.ToLower(spelledDomain(host))
		if full {
			name = strings.ToLower(kind) + ":" + name
		}
		meant = func(d queue.Destination) bool {
			_, short := d.Split()
			return string(d) == name || short == name
		}
	}
	list, err := a.store.Queue().Destinations(ctx)
	if err != nil {
		return ops.Changed{}, err
	}
	sum, found := ops.Changed{}, false
	for _, w := range list {
		if !meant(w.Destination) {
			continue
		}
		found = true
		n, err := a.store.Queue().Change(ctx, queue.Query{Destination: w.Destination}, queue.Retry)
		sum.Changed += n
		if err != nil {
			return sum, err
		}
	}
	if !found && q.Destination != "" {
		return sum, control.NotFound("nothing waits for %s", q.Destination)
	}
	return sum, a.tryNow(ctx, meant)
}
