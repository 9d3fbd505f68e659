package app

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/queue"
	"gatepost/internal/web"
)

// queuePages is the queue as people see it on the pages. What is done there is done by the same
// operations as by commands.
type queuePages struct{ app *App }

var _ web.Queue = queuePages{}

// Look implements web.Queue.
func (p queuePages) Look(ctx context.Context, q queue.Query) (list []web.QueueLine, next int64, err error) {
	found, next, err := p.app.store.Queue().Look(ctx, q)
	for _, t := range found {
		list = append(list, p.line(t))
	}
	return list, next, err
}

func (p queuePages) line(t *queue.Transfer) web.QueueLine {
	why, until := p.app.queue.Why(t)
	return web.QueueLine{Transfer: t, Why: why, Until: until}
}

// countLooks is how often a count looks on.
const countLooks = 10

// Count implements web.Queue.
func (p queuePages) Count(ctx context.Context, q queue.Query, most int) (n int, more bool, err error) {
	q.Limit = queue.MaxPage
	for range countLooks {
		found, next, err := p.app.store.Queue().Look(ctx, q)
		if n += len(found); err != nil || next == 0 {
			return min(n, most), n > most, err
		}
		if n >= most {
			return most, true, nil
		}
		q.After = next
	}
	return n, true, nil
}

// Report implements web.Queue.
func (p queuePages) Report(ctx context.Context, id int64) (r web.QueueReport, err error) {
	found, err := p.app.store.Queue().Find(ctx, queue.Query{ID: id, Limit: 1})
	if err == nil && len(found) == 0 {
		err = web.ErrNoTransfer
	}
	if err != nil {
		return r, err
	}
	d, err := p.app.detail(ctx, found[0])
	if err != nil { // its content can't be read; the rest is shown
		p.app.log.Error("a message of the queue can't be shown", "transfer", id, "error", err)
	}
	r = web.QueueReport{QueueLine: p.line(found[0]), Subject: d.Subject}
	for _, e := range d.Events {
		r.Tries = append(r.Tries, web.MessageTry{Time: e.Time, What: e.What, Host: e.Host, Reply: spoken(e)})
	}
	return r, nil
}

// spoken is what a next hop said.
func spoken(e ops.Delivery) string {
	if e.Code == 0 {
		return e.Reply
	}
	return fmt.Sprintf("%d %s %s", e.Code, e.Status, e.Reply)
}

// Change implements web.Queue. Who acts on single transfers has their destinations tried at once, also
// where they are left alone.
func (p queuePages) Change(ctx context.Context, q queue.Query, ids []int64, act queue.Act, who string) (changed int, err error) {
	a := p.app
	var at []queue.Destination
	for _, id := range ids {
		q.ID = id
		found, err := a.store.Queue().Find(ctx, q)
		if err != nil {
			return changed, err
		}
		for _, t := range found {
			at = append(at, t.Destination)
		}
		n, _, err := a.store.Queue().ChangeSome(ctx, q, act)
		if changed += n; err != nil {
			return changed, err
		}
	}
	return changed, a.changedQueue(control.WithPerson(ctx, who), act, changed, func(d queue.Destination) bool { return slices.Contains(at, d) })
}

// ChangeAll implements web.Queue.
func (p queuePages) ChangeAll(ctx context.Context, q queue.Query, act queue.Act, who string) (changed int, next int64, err error) {
	a, next := p.app, q.After
	for ctx.Err() == nil {
		var n int
		var behind int64
		if n, behind, err = a.store.Queue().ChangeSome(ctx, q, act); err != nil {
			break
		}
		changed, next, q.After = changed+n, behind, behind
		if next == 0 {
			break
		}
	}
	if err != nil && ctx.Err() == nil {
		return changed, next, err
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), actTime)
	defer cancel()
	// Whom destinations belong to is not asked: to be tried early harms nobody, and only who may have all
	// tried has those tried that are left alone.
	return changed, next, a.changedQueue(control.WithPerson(after, who), act, changed, func(queue.Destination) bool { return len(q.Homes) == 0 })
}

// backlogsFor is how long what waits where is not counted again: it reads an index of the whole queue.
const backlogsFor = 10 * time.Second

// backlogs are destinations as they were counted lately.
type backlogs struct {
	mu   sync.Mutex
	list []queue.Backlog
	at   time.Time
}

// Backlogs implements web.Queue.
func (p queuePages) Backlogs(ctx context.Context) (list []web.Backlog, at time.Time, err error) {
	all, at, err := p.app.backlogs.get(ctx, p.app.store.Queue(), p.app.now())
	for _, b := range all {
		rests := p.app.queue.Resting(b.Destination)
		list = append(list, web.Backlog{Backlog: b, Rests: rests})
	}
	return list, at, err
}

func (b *backlogs) get(ctx context.Context, rows queue.Clerk, now time.Time) ([]queue.Backlog, time.Time, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if age := now.Sub(b.at); age >= 0 && age < backlogsFor {
		return b.list, b.at, nil
	}
	list, err := rows.Backlogs(ctx, web.MaxBacklogs+1)
	if err == nil {
		b.list, b.at = list, now
	}
	return list, now, err
}
