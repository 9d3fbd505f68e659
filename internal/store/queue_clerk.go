package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

func transferWhere(q queue.Query) (w where) {
	w.add(`queue_transfer.id > ?`, q.After)
	w.addIf(q.ID != 0, `queue_transfer.id = ?`, q.ID)
	w.addIf(q.Message != "", `(m.id = ? OR m.tx = ?)`, q.Message, q.Message)
	w.addIf(q.Sender != "", `(LOWER(m.sender) = ? OR LOWER(m.sender) LIKE ? ESCAPE '!')`, lower(q.Sender), signedAs(q.Sender))
	w.addIf(q.NullOnly, `LOWER(m.sender) = ''`)
	w.addIf(q.Recipient != "", `queue_transfer.recipient_fold = ?`, q.Recipient.Fold())
	w.addIf(q.Domain != "", `queue_transfer.domain = ?`, q.Domain)
	w.addIf(len(q.Homes) > 0, `queue_transfer.home IN (`+marks(len(q.Homes))+`)`, anys(q.Homes)...)
	w.addIf(q.Destination != "", `queue_transfer.destination = ?`, q.Destination)
	w.addIf(q.State != "", `queue_transfer.state = ?`, q.State)
	w.addIf(q.Failing, `queue_transfer.attempts > 0`)
	w.addIf(!q.Before.IsZero(), `m.created < ?`, toMicros(q.Before))
	return w
}

// signedAs is what the forms of an address with a tag in front are like, under which the mail of a domain
// leaves that signs its return paths.
func signedAs(p mail.Path) string {
	return "prvs=" + strings.Repeat("_", 10) + "=" + escapeLike(lower(p))
}

// lower is as LOWER of both engines: ASCII letters alone can be relied on.
func lower(p mail.Path) string { return string(p.Fold()) }

// changeChunk is how many transfers one commit changes: mail waits for it.
const changeChunk = 200

// Change implements queue.Clerk.
func (q Queue) Change(ctx context.Context, query queue.Query, act queue.Act) (changed int, err error) {
	for {
		n, next, err := q.ChangeSome(ctx, query, act)
		changed += n
		if err != nil || next == 0 {
			return changed, err
		}
		query.After = next
	}
}

// ChangeSome implements queue.Clerk. It looks for them before the commit, which holds up others.
func (q Queue) ChangeSome(ctx context.Context, query queue.Query, act queue.Act) (changed int, next int64, err error) {
	query.Limit = changeChunk
	var ids []int64
	err = q.db.View(ctx, func(tx *Tx) error {
		found, behind, err := lookFor(tx, query)
		ids, next = transferIDs(found), behind
		return err
	})
	if err == nil && len(ids) > 0 {
		err = q.db.Update(ctx, func(tx *Tx) (err error) {
			changed, err = changeAmong(tx, query, ids, act)
			return err
		})
	}
	if err != nil {
		return 0, 0, fmt.Errorf("store: %s transfers: %w", act, err)
	}
	return changed, next, nil
}

// changeAmong does one act to those of some transfers that the query still finds.
func changeAmong(tx *Tx, query queue.Query, ids []int64, act queue.Act) (changed int, err error) {
	page, err := transfersAmong(tx, query, ids, len(ids))
	if err == nil {
		page, err = withMessages(tx, page)
	}
	if err == nil {
		err = lockTransfers(tx, page)
	}
	for _, t := range page {
		if err != nil {
			return changed, err
		}
		var done int
		done, err = changeTransfer(tx, t, act)
		changed += done
	}
	return changed, err
}

// changeTransfer does one act to one transfer and returns how many it changed, 0
// or 1. What is on the wire keeps its claim.
func changeTransfer(tx *Tx, t *queue.Transfer, act queue.Act) (int, error) {
	var done sql.Result
	var err error
	now := tx.now()
	waits := releaseOf(t.Message) > now
	switch act {
	case queue.Retry:
		if waits { // it is its sender's to say when
			return 0, nil
		}
		done, err = tx.Exec(`UPDATE queue_transfer SET due = ? WHERE id = ? AND claimed = 0 AND state = 'waiting'`, now, t.ID)
	case queue.Hold:
		done, err = tx.Exec(`UPDATE queue_transfer SET state = 'held' WHERE id = ? AND state = 'waiting'`, t.ID)
	case queue.Release:
		done, err = tx.Exec(`UPDATE queue_transfer SET state = 'waiting', due = CASE WHEN claimed = 1 THEN due ELSE ? END WHERE id = ? AND state = 'held'`, max(now, releaseOf(t.Message)), t.ID)
	case queue.Delete:
		done, err = tx.Exec(`DELETE FROM queue_transfer WHERE id = ? AND (claimed = 0 OR due <= ?)`, t.ID, now)
	case queue.Recall:
		if !waits {
			return 0, nil
		}
		done, err = tx.Exec(`DELETE FROM queue_transfer WHERE id = ? AND claimed = 0`, t.ID)
	default:
		err = fmt.Errorf("act %q", act)
	}
	if err != nil {
		return 0, err
	}
	n, err := done.RowsAffected()
	if err != nil || n == 0 {
		return 0, err
	}
	if act == queue.Delete || act == queue.Recall {
		state := "deleted"
		if back, err := takeBack(tx, t); err != nil {
			return 0, fmt.Errorf("hold %s again: %w", t.Released, err)
		} else if back {
			state = "held"
		}
		if err := tellJournal(tx, t, state); err != nil {
			return 0, err
		}
		if err := unrefQueueMessage(tx, t.Message.ID, 1); err != nil {
			return 0, err
		}
	}
	return 1, putEvent(tx, t, string(act), queue.Reply{})
}

// maxEvents bounds what Events returns.
const maxEvents = 1000

// Events implements queue.Clerk.
func (q Queue) Events(ctx context.Context, tx string) (list []queue.Event, err error) {
	err = q.db.View(ctx, func(t *Tx) error {
		rows, err := t.Query(`SELECT tx, time, transfer, recipient, what, host, code, enhanced, reply, command
			FROM queue_event WHERE tx = ? ORDER BY time LIMIT ?`, tx, maxEvents)
		return each(rows, err, func(rows *sql.Rows) error {
			var e queue.Event
			var at int64
			err := rows.Scan(&e.Tx, &at, &e.Transfer, &e.Recipient, &e.What, &e.Reply.Host, &e.Reply.Code, &e.Reply.Enhanced, &e.Reply.Text, &e.Reply.Command)
			e.Time = fromMicros(at)
			list = append(list, e)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: queue events of %s: %w", tx, err)
	}
	return list, nil
}

// ExpireEvents removes events from before t, a few at a time.
func (q Queue) ExpireEvents(ctx context.Context, t time.Time) error {
	for {
		var n int64
		err := q.db.Update(ctx, func(tx *Tx) error {
			done, err := tx.Exec(`DELETE FROM queue_event WHERE time < ? AND tx IN (SELECT tx FROM queue_event WHERE time < ? ORDER BY time LIMIT ?)`,
				t.UnixMicro(), t.UnixMicro(), expireChunk)
			if err != nil {
				return err
			}
			n, err = done.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("store: expire queue events: %w", err)
		}
		if n == 0 {
			return nil
		}
	}
}

// oldestAmong is how many of the first transfers are looked at for the oldest message: more than there are, mostly, whose
// senders had them wait.
const oldestAmong = 100

// Totals implements queue.Clerk.
func (q Queue) Totals(ctx context.Context) (sum queue.Totals, err error) {
	err = q.db.View(ctx, func(tx *Tx) error {
		for _, c := range []struct {
			query string
			to    *int
		}{
			{`SELECT COUNT(*) FROM queue_transfer WHERE state = 'waiting'`, &sum.Waiting},
			{`SELECT COUNT(*) FROM queue_transfer WHERE state = 'held'`, &sum.Held},
			{`SELECT COUNT(*) FROM queue_transfer WHERE state = 'waiting' AND attempts > 0`, &sum.Failing},
		} {
			if err := tx.Row(c.query, nil, c.to); err != nil {
				return err
			}
		}
		// IDs rise: the first one that waits is of the oldest message, unless its sender had that wait, which counts
		// from when it was let go: so it is among the first. The condition is written so that no index by state is
		// taken, which would read all of them.
		var oldest sql.NullInt64
		err := tx.Row(`SELECT MIN(since) FROM (
			SELECT CASE WHEN m.released > m.created THEN m.released ELSE m.created END AS since
			FROM queue_transfer t JOIN queue_message m ON m.id = t.message
			WHERE t.state || '' = 'waiting' AND m.released <= ? ORDER BY t.id LIMIT ?) AS first`, []any{tx.now(), oldestAmong}, &oldest)
		if err != nil || !oldest.Valid {
			return err
		}
		sum.Oldest = time.Duration(tx.now()-oldest.Int64) * time.Microsecond
		return nil
	})
	if err != nil {
		return sum, fmt.Errorf("store: queue totals: %w", err)
	}
	return sum, nil
}
