package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/queue"
	"gatepost/quarantine"
	"gatepost/quarantine/digest"
)

// Digests is what is kept of digests: it implements digest.Rows.
type Digests struct{ db *DB }

var _ digest.Rows = Digests{}

// Digests returns the store's rows of digests.
func (db *DB) Digests() Digests { return Digests{db} }

// What finds readers goes through an index from where it begins to where it ends.
const (
	digestFresh = `SELECT box, recipient_fold, time, id FROM held
		WHERE domain = ? AND state = 'held' AND (time, id) > (?, ?) AND time <= ? ORDER BY time, id LIMIT ?`
	digestEnding = `SELECT box, recipient FROM digest_told
		WHERE domain = ? AND ends > 0 AND ends <= ? AND (box, recipient) > (?, ?) ORDER BY box, recipient LIMIT ?`
)

// Runs implements digest.Rows.
func (d Digests) Runs(ctx context.Context) (runs map[string]digest.Run, err error) {
	err = d.db.View(ctx, func(tx *Tx) error {
		runs = map[string]digest.Run{}
		rows, err := tx.Query(`SELECT domain, slot, until FROM digest_run`)
		return each(rows, err, func(rows *sql.Rows) error {
			var domain string
			var slot, until int64
			err := rows.Scan(&domain, &slot, &until)
			runs[domain] = digest.Run{Slot: fromMicros(slot), Until: fromMicros(until)}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: runs of digests: %w", err)
	}
	return runs, nil
}

// SetRun implements digest.Rows.
func (d Digests) SetRun(ctx context.Context, domain string, r digest.Run) error {
	err := d.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO digest_run (domain, slot, until) VALUES (?, ?, ?)
			ON CONFLICT (domain) DO UPDATE SET slot = excluded.slot, until = excluded.until`, domain, toMicros(r.Slot), toMicros(r.Until))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: run of digests of %s: %w", domain, err)
	}
	return nil
}

// Fresh implements digest.Rows. Rows come in the order of the index: what a page costs is
// in its length.
func (d Digests) Fresh(ctx context.Context, domain string, after digest.Cursor, until time.Time, limit int) (list []digest.Holder, err error) {
	err = d.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(digestFresh, domain, toMicros(after.Time), after.ID, toMicros(until), limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var h digest.Holder
			var when int64
			err := rows.Scan(&h.Key.Box, &h.Key.Recipient, &when, &h.At.ID)
			h.At.Time = fromMicros(when)
			if h.Key.Box > 0 {
				h.Key.Recipient = ""
			} else {
				h.Key.Box = 0
			}
			list = append(list, h)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: holders of held messages of %s: %w", domain, err)
	}
	return list, nil
}

// Ending implements digest.Rows.
func (d Digests) Ending(ctx context.Context, domain string, after digest.Key, until time.Time, limit int) (list []digest.Key, err error) {
	err = d.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(digestEnding, domain, toMicros(until), after.Box, after.Recipient, limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var k digest.Key
			err := rows.Scan(&k.Box, &k.Recipient)
			list = append(list, k)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: readers of %s whose messages end: %w", domain, err)
	}
	return list, nil
}

// Look implements digest.Rows.
func (d Digests) Look(ctx context.Context, k digest.Key, r digest.Range) (look digest.Look, err error) {
	err = d.db.View(ctx, func(tx *Tx) (err error) {
		if look.Told, err = digestTold(tx, k); err != nil {
			return err
		}
		now := toMicros(r.Now)
		fresh := digestSpan{k, toMicros(look.Told.Until), toMicros(r.Until), now, lastOf}
		if look.Fresh, err = fresh.part(tx, "time DESC, id DESC", r.Limit); err != nil {
			return err
		}
		old := digestSpan{k, -1, toMicros(look.Told.Until), max(now, toMicros(look.Told.Warned)), toMicros(r.Horizon)}
		if look.Ending, err = old.part(tx, "expires, id", r.Limit); err != nil {
			return err
		}
		look.Ends, err = digestSpan{k, -1, lastOf, toMicros(r.Horizon), lastOf}.ends(tx)
		return err
	})
	if err != nil {
		return digest.Look{}, fmt.Errorf("store: what to tell of held messages: %w", err)
	}
	return look, nil
}

// lastOf is later than all times.
const lastOf = int64(1) << 62

// digestTold returns what a reader was told, the zero Told where it never was.
func digestTold(tx *Tx, k digest.Key) (t digest.Told, err error) {
	var until, warned, ends, sent int64
	err = tx.Row(`SELECT until, warned, ends, sent, off FROM digest_told WHERE box = ? AND recipient = ?`, []any{k.Box, k.Recipient},
		&until, &warned, &ends, &sent, &t.Off)
	if errors.Is(err, sql.ErrNoRows) {
		return digest.Told{}, nil
	}
	t.Until, t.Warned, t.Ends, t.Sent = fromMicros(until), fromMicros(warned), fromMicros(ends), fromMicros(sent)
	return t, err
}

// A digestSpan is a reader's held rows between two times, and between two ends; each first
// excluded. Those of a mailbox and of an address without one have each an index.
type digestSpan struct {
	key           digest.Key
	since, until  int64
	after, before int64
}

func (s digestSpan) where() (text string, args []any) {
	text, args = `box = ?`, []any{s.key.Box}
	if s.key.Box == 0 {
		text, args = `recipient_fold = ? AND box <= 0`, []any{s.key.Recipient}
	}
	return ` FROM held WHERE ` + text + ` AND state = 'held' AND time > ? AND time <= ? AND expires > ? AND expires <= ?`,
		append(args, s.since, s.until, s.after, s.before)
}

func (s digestSpan) part(tx *Tx, order string, limit int) (p digest.Part, err error) {
	if s.since >= s.until || s.after >= s.before {
		return p, nil
	}
	where, args := s.where()
	rows, err := tx.Query(`SELECT `+heldColumns+where+` ORDER BY `+order+` LIMIT ?`, append(args, limit)...)
	err = each(rows, err, func(rows *sql.Rows) error {
		h, err := scanHeld(rows)
		p.Rows = append(p.Rows, digestRow(h))
		return err
	})
	if p.Count = len(p.Rows); err != nil || p.Count < limit {
		return p, err
	}
	err = tx.Row(`SELECT COUNT(*)`+where, args, &p.Count)
	return p, err
}

// ends returns the first end in a span.
func (s digestSpan) ends(tx *Tx) (time.Time, error) {
	where, args := s.where()
	var first int64
	err := tx.Row(`SELECT COALESCE(MIN(expires), 0)`+where, args, &first)
	return fromMicros(first), err
}

func digestRow(h quarantine.Held) digest.Row {
	return digest.Row{
		ID: h.ID, Recipient: h.Recipient, Sender: h.Sender, Author: h.Author, Subject: h.Subject, Filter: h.Filter,
		Time: h.Time, Expires: h.Expires, Proven: h.Proof != "", Guarded: h.Guarded, Asked: h.Asked,
	}
}

// Note implements digest.Rows.
func (d Digests) Note(ctx context.Context, m digest.Mark) error { return d.Tell(ctx, m, nil) }

// Tell keeps a mark and queues the mail that tells, in one commit. It fails with
// digest.ErrTold, and does nothing, where the mark does not hold.
func (d Digests) Tell(ctx context.Context, m digest.Mark, letters []*queue.Transfer) error {
	err := d.db.Update(ctx, func(tx *Tx) error {
		if err := putMark(tx, m); err != nil {
			return err
		}
		return putTransfers(tx, letters)
	})
	if err != nil {
		return fmt.Errorf("store: note a digest: %w", err)
	}
	return nil
}

// putMark is first in its commit: who holds a row of digest_told asks for no older lock.
func putMark(tx *Tx, m digest.Mark) error {
	until, warned, ends, sent := toMicros(m.Now.Until), toMicros(m.Now.Warned), toMicros(m.Now.Ends), toMicros(m.Now.Sent)
	done, err := tx.Exec(`UPDATE digest_told SET domain = ?, until = ?, warned = ?, ends = ?, sent = ?
		WHERE box = ? AND recipient = ? AND until = ? AND warned = ? AND sent = ? AND off = 0`,
		m.Domain, until, warned, ends, sent, m.Key.Box, m.Key.Recipient, toMicros(m.Was.Until), toMicros(m.Was.Warned), toMicros(m.Was.Sent))
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return err
	}
	if m.Was != (digest.Told{}) {
		return digest.ErrTold
	}
	done, err = tx.Exec(`INSERT INTO digest_told (box, recipient, domain, until, warned, ends, sent, off) VALUES (?, ?, ?, ?, ?, ?, ?, 0)
		ON CONFLICT (box, recipient) DO NOTHING`, m.Key.Box, m.Key.Recipient, m.Domain, until, warned, ends, sent)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return digest.ErrTold
}

// Off reports whether an address without a mailbox here wants no digests.
func (d Digests) Off(ctx context.Context, k digest.Key) (off bool, err error) {
	err = d.db.View(ctx, func(tx *Tx) error {
		t, err := digestTold(tx, k)
		off = t.Off
		return err
	})
	if err != nil {
		return false, fmt.Errorf("store: whether digests are wanted: %w", err)
	}
	return off, nil
}

// SetOff says that an address without a mailbox here wants no digests, or wants them
// again.
func (d Digests) SetOff(ctx context.Context, k digest.Key, off bool) error {
	err := d.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO digest_told (box, recipient, domain, until, warned, ends, sent, off) VALUES (?, ?, '', 0, 0, 0, 0, ?)
			ON CONFLICT (box, recipient) DO UPDATE SET off = excluded.off`, k.Box, k.Recipient, number(off))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: whether digests are wanted: %w", err)
	}
	return nil
}
