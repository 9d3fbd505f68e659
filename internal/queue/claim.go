package queue

import "context"

// claim takes what is due for a destination, and reports whether there may be more.
//
// What is on the wire here already is left out: the store hands that out anew where its
// clock leapt over the end of the claim, or was away until then. The new claim is ours
// too, and what is under way settles under it.
func (q *Queue) claim(ctx context.Context, d Destination) (fresh []*Transfer, more bool, err error) {
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
		q.wire[t.ID] = t.Fence
	}
	return fresh, len(list) == claimed, nil
}

// renew puts the claims that hold now into settlements.
func (q *Queue) renew(list []Settlement) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range list {
		s.Transfer.Fence = q.wire[s.Transfer.ID]
	}
}

// release is the end of claims, settled or not.
func (q *Queue) release(list []*Transfer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range list {
		delete(q.wire, t.ID)
	}
}
