package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"gatepost/internal/queue"
)

// However long the queue is, who looks for something in it waits for a moment only. What is
// rare has an index, and is sorted; all else is gone through in the order of IDs, so many at
// a time.
const (
	lookAt    = 10_000 // transfers that one look goes through, or sorts
	lookChunk = 500    // of those at once
)

// Find implements queue.Clerk.
func (q Queue) Find(ctx context.Context, query queue.Query) (list []*queue.Transfer, err error) {
	query.Limit = pageSize(query)
	for {
		some, next, err := q.Look(ctx, query)
		list = append(list, some...)
		if query.Limit -= len(some); err != nil || next == 0 || query.Limit == 0 {
			return list, err
		}
		query.After = next
	}
}

// Look implements queue.Clerk.
func (q Queue) Look(ctx context.Context, query queue.Query) (list []*queue.Transfer, next int64, err error) {
	err = q.db.View(ctx, func(tx *Tx) (err error) {
		if list, next, err = lookFor(tx, query); err == nil {
			list, err = withMessages(tx, list)
		}
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("store: find transfers: %w", err)
	}
	return list, next, nil
}

func pageSize(q queue.Query) int {
	if q.Limit <= 0 || q.Limit > queue.MaxPage {
		return queue.MaxPage
	}
	return q.Limit
}

// A feed gives IDs behind one, in order, some at a time, and whether there are others.
type feed func(after int64) (ids []int64, more bool, err error)

// lookFor finds transfers; of their messages they have the ID only.
func lookFor(tx *Tx, q queue.Query) (list []*queue.Transfer, next int64, err error) {
	limit, after := pageSize(q), q.After
	some, err := feedFor(tx, q)
	for looked := 0; err == nil && looked < lookAt; looked += lookChunk {
		var ids []int64
		var more bool
		if ids, more, err = some(after); err != nil || len(ids) == 0 {
			return list, 0, err
		}
		var found []*queue.Transfer
		if found, err = transfersAmong(tx, q, ids, limit-len(list)); err != nil {
			return nil, 0, err
		}
		list = append(list, found...)
		after = ids[len(ids)-1]
		if last := len(list) - 1; len(list) == limit && (more || list[last].ID < after) {
			return list, list[last].ID, nil
		}
		if !more || len(list) == limit {
			return list, 0, nil
		}
	}
	return list, after, err
}

// transfersAmong returns those of some transfers that a query finds.
func transfersAmong(tx *Tx, q queue.Query, ids []int64, limit int) (list []*queue.Transfer, err error) {
	most := limit
	if q.Only != nil {
		most = len(ids)
	}
	among := findAmong(q, ids, most)
	rows, err := tx.Query(among.text, among.args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		t, err := scanTransfer(rows)
		list = append(list, t)
		return err
	})
	if err == nil && q.Only != nil {
		if list, err = withMessages(tx, list); err == nil {
			list = slices.DeleteFunc(list, func(t *queue.Transfer) bool { return !q.Only(t) })
			list = list[:min(limit, len(list))]
		}
	}
	return list, err
}

// findAmong reads those that are named and no others, which the inner LIMIT has both engines do: SQLite would rather walk an index
// of what else is asked, of a state that a million may have.
func findAmong(q queue.Query, ids []int64, most int) term {
	w, ids := transferWhere(q), padded(ids)
	return term{`SELECT ` + transferColumns + ` FROM (SELECT * FROM queue_transfer WHERE id IN (` + marks(len(ids)) + `) ORDER BY id LIMIT ?) AS queue_transfer
		JOIN queue_message m ON m.id = queue_transfer.message` + w.String() + ` ORDER BY queue_transfer.id LIMIT ?`,
		append(append(anys(ids), len(ids)), append(w.args, most)...)}
}

func transferIDs(list []*queue.Transfer) []int64 {
	ids := make([]int64, len(list))
	for i, t := range list {
		ids[i] = t.ID
	}
	return ids
}

// feedFor is where the transfers of a query are looked for.
func feedFor(tx *Tx, q queue.Query) (feed, error) {
	for _, s := range rareFor(q) {
		ids, err := tx.numbers(s.text+` LIMIT ?`, append(s.args, lookAt+1)...)
		if err != nil {
			return nil, err
		}
		if len(ids) <= lookAt {
			slices.Sort(ids)
			return sorted(ids), nil
		}
	}
	switch {
	case q.Recipient != "":
		return inOrder(tx, `recipient_fold = ? AND`, q.Recipient.Fold()), nil
	case q.Domain != "":
		return inOrder(tx, `domain = ? AND`, q.Domain), nil
	case len(q.Homes) > 0:
		return ofHomes(tx, q.Homes), nil
	}
	return inOrder(tx, ``), nil
}

// A term is a part of a statement, with what stands in it.
type term struct {
	text string
	args []any
}

// rareFor are the ways to transfers that are few, as a rule. Behind each follows a LIMIT.
func rareFor(q queue.Query) (list []term) {
	add := func(wanted bool, text string, args ...any) {
		if wanted {
			list = append(list, term{`SELECT id FROM queue_transfer WHERE ` + text, args})
		}
	}
	add(q.ID != 0, `id = ?`, q.ID)
	add(q.Message != "", `message IN (SELECT id FROM queue_message WHERE id = ? UNION SELECT id FROM queue_message WHERE tx = ?)`, q.Message, q.Message)
	add(q.Sender != "", `message IN (SELECT id FROM queue_message WHERE LOWER(sender) = ?
		UNION SELECT id FROM queue_message WHERE SUBSTR(sender, 1, 5) = 'prvs=' AND LOWER(SUBSTR(sender, 17)) = ?)`, lower(q.Sender), lower(q.Sender))
	add(q.NullOnly, `message IN (SELECT id FROM queue_message WHERE LOWER(sender) = '')`)
	add(q.Destination != "", `state IN ('waiting', 'held') AND destination = ?`, q.Destination)
	add(q.State == queue.Held, `state = 'held'`)
	add(q.Failing, `state IN ('waiting', 'held') AND attempts > 0`)
	return list
}

// sorted gives out IDs that are known.
func sorted(ids []int64) feed {
	return func(after int64) ([]int64, bool, error) {
		at, _ := slices.BinarySearch(ids, after+1)
		end := min(at+lookChunk, len(ids))
		return ids[at:end], end < len(ids), nil
	}
}

// inOrder goes along an index that has the IDs of a condition in order; that ends with AND.
func inOrder(tx *Tx, condition string, args ...any) feed {
	return func(after int64) ([]int64, bool, error) {
		ids, err := tx.numbers(`SELECT id FROM queue_transfer WHERE `+condition+` id > ? ORDER BY id LIMIT ?`, append(args[:len(args):len(args)], after, lookChunk)...)
		return ids, len(ids) == lookChunk, err
	}
}

// leastOfHome is how many are read of a domain at once, of however many.
const leastOfHome = 20

// ofHomes merges what is for several domains. Behind the first of their last IDs nothing is known yet.
func ofHomes(tx *Tx, homes []string) feed {
	n := max(lookChunk/len(homes), leastOfHome)
	return func(after int64) (ids []int64, more bool, err error) {
		end := int64(0)
		for _, home := range homes {
			some, err := tx.numbers(`SELECT id FROM queue_transfer WHERE home = ? AND id > ? ORDER BY id LIMIT ?`, home, after, n)
			if err != nil {
				return nil, false, err
			}
			ids = append(ids, some...)
			if last := len(some) - 1; len(some) == n && (!more || some[last] < end) {
				end, more = some[last], true
			}
		}
		slices.Sort(ids)
		if more {
			at, _ := slices.BinarySearch(ids, end+1)
			ids = ids[:at]
		}
		return ids, more, nil
	}
}

// Backlogs implements queue.Clerk.
func (q Queue) Backlogs(ctx context.Context, most int) (list []queue.Backlog, err error) {
	err = q.db.View(ctx, func(tx *Tx) error {
		var oldest []int64
		rows, err := tx.Query(`SELECT destination, COUNT(*), MIN(due), MIN(id) FROM queue_transfer WHERE state = 'waiting'
			GROUP BY destination ORDER BY COUNT(*) DESC, destination LIMIT ?`, most)
		err = each(rows, err, func(rows *sql.Rows) error {
			var b queue.Backlog
			var due, first int64
			err := rows.Scan(&b.Destination, &b.Waiting, &due, &first)
			b.Due = fromMicros(due)
			list, oldest = append(list, b), append(oldest, first)
			return err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		return oldestOf(tx, list, oldest)
	})
	if err != nil {
		return nil, fmt.Errorf("store: queue backlogs: %w", err)
	}
	return list, nil
}

// oldestOf fills in the oldest transfers, by ID.
func oldestOf(tx *Tx, list []queue.Backlog, ids []int64) error {
	found, err := transfersAmong(tx, queue.Query{}, ids, len(ids))
	if err == nil {
		found, err = withMessages(tx, found)
	}
	for _, t := range found {
		if at := slices.Index(ids, t.ID); at >= 0 {
			list[at].Oldest = t
		}
	}
	return err
}
