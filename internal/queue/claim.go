package queue

import (
	"context"
	"time"
)

// A claim is what is known of a transfer that this process has on the wire.
type claim struct {
	fence int64
	ends  time.Time
}

// claim takes what is due for a destination, and reports whether there may be more.
//
// What is on the wire here already is left out: the store hands that out anew where its
// clock leapt over the end of the claim. The new claim is then ours too, and what is
// under way settles under it.
func (q *Queue) claim(ctx context.Context, d Destination) (fresh []*Transfer, more bool, err error) {
	ends := q.c.Now().Add(lease)
	list, err := q.c.Rows.Claim(ctx, d, claimed, lease)
	if err != nil {
		return nil, false, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range list {
		if _, under := q.wire[t.ID]; !under {
			fresh = append(fresh, t)
		}
		q.wire[t.ID] = claim{t.Fence, ends}
	}
	return fresh, len(list) == claimed, nil
}

// renew puts the claims that hold now into settlements, and returns when the first of
// them ends.
func (q *Queue) renew(list []Settlement) (ends time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, s := range list {
		c := q.wire[s.Transfer.ID]
		s.Transfer.Fence = c.fence
		if i == 0 || c.ends.Before(ends) {
			ends = c.ends
		}
	}
	return ends
}

// release is the end of claims, settled or not.
func (q *Queue) release(list []*Transfer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range list {
		delete(q.wire, t.ID)
	}
}
