package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
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
	digestFreshBoxes = `SELECT box, '' FROM held
		WHERE untold = 1 AND ended = 0 AND box > 0 AND box > ? GROUP BY box ORDER BY box LIMIT ?`
	digestFreshAddresses = `SELECT 0, recipient_fold FROM held
		WHERE untold = 1 AND ended = 0 AND box <= 0 AND recipient_fold > ? GROUP BY recipient_fold ORDER BY recipient_fold LIMIT ?`
	digestSweep = `DELETE FROM digest_told WHERE (box, recipient) > (?, ?) AND (box, recipient) <= (?, ?) AND off = 0
		AND NOT EXISTS (SELECT 1 FROM held h WHERE h.box = digest_told.box AND h.box > 0 AND h.state = 'held')
		AND NOT EXISTS (SELECT 1 FROM held h WHERE h.recipient_fold = digest_told.recipient AND digest_told.box = 0 AND h.box <= 0 AND h.state = 'held')`
	digestEnding = `SELECT box, recipient FROM digest_told
		WHERE domain = ? AND ends > 0 AND ends <= ? AND (box, recipient) > (?, ?) ORDER BY box, recipient LIMIT ?`
)

// Runs implements digest.Rows.
func (d Digests) Runs(ctx context.Context) (runs map[string]digest.Run, err error) {
	err = d.db.View(ctx, func(tx *Tx) error {
		runs = map[string]digest.Run{}
		rows, err := tx.Query(`SELECT domain, slot FROM digest_run`)
		return each(rows, err, func(rows *sql.Rows) error {
			var domain string
			var slot int64
			err := rows.Scan(&domain, &slot)
			runs[domain] = digest.Run{Slot: fromMicros(slot)}
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
		_, err := tx.Exec(`INSERT INTO digest_run (domain, slot, until) VALUES (?, ?, 0)
			ON CONFLICT (domain) DO UPDATE SET slot = excluded.slot`, domain, toMicros(r.Slot))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: run of digests of %s: %w", domain, err)
	}
	return nil
}

// Fresh implements digest.Rows: addresses first, whose box is none, and then boxes.
func (d Digests) Fresh(ctx context.Context, after digest.Key, limit int) (list []digest.Key, err error) {
	err = d.db.View(ctx, func(tx *Tx) (err error) {
		list = nil
		if after.Box == 0 {
			rows, err := tx.Query(digestFreshAddresses, after.Recipient, limit)
			if list, err = digestKeys(rows, err); err != nil || len(list) == limit {
				return err
			}
		}
		rows, err := tx.Query(digestFreshBoxes, after.Box, limit-len(list))
		boxes, err := digestKeys(rows, err)
		list = append(list, boxes...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: readers of held messages: %w", err)
	}
	return list, nil
}

// Ending implements digest.Rows.
func (d Digests) Ending(ctx context.Context, domain string, after digest.Key, until time.Time, limit int) (list []digest.Key, err error) {
	err = d.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(digestEnding, domain, toMicros(until), after.Box, after.Recipient, limit)
		list, err = digestKeys(rows, err)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: readers of %s whose messages end: %w", domain, err)
	}
	return list, nil
}

func digestKeys(rows *sql.Rows, err error) (list []digest.Key, _ error) {
	err = each(rows, err, func(rows *sql.Rows) error {
		var k digest.Key
		err := rows.Scan(&k.Box, &k.Recipient)
		list = append(list, k)
		return err
	})
	return list, err
}

// Look implements digest.Rows.
func (d Digests) Look(ctx context.Context, k digest.Key, r digest.Range) (look digest.Look, err error) {
	err = d.db.View(ctx, func(tx *Tx) (err error) {
		if look.Told, err = digestTold(tx, k); err != nil {
			return err
		}
		now, horizon := toMicros(r.Now), toMicros(r.Horizon)
		if look.Seen, err = digestUntold(tx, k); err != nil {
			return err
		}
		if look.Seen.Count > 0 {
			fresh := digestSpan{k, true, now, lastOf}
			if look.Fresh, err = fresh.part(tx, "time DESC, id DESC", r.Limit); err != nil {
				return err
			}
		}
		old := digestSpan{k, false, max(now, toMicros(look.Told.Warned)), horizon}
		if look.Ending, err = old.part(tx, "expires, id", r.Limit); err != nil {
			return err
		}
		look.Ends, err = digestEnds(tx, k, horizon)
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
	var warned, ends, sent int64
	err = tx.Row(`SELECT warned, ends, sent, off FROM digest_told WHERE box = ? AND recipient = ?`, []any{k.Box, k.Recipient},
		&warned, &ends, &sent, &t.Off)
	if errors.Is(err, sql.ErrNoRows) {
		return digest.Told{}, nil
	}
	t.Warned, t.Ends, t.Sent = fromMicros(warned), fromMicros(ends), fromMicros(sent)
	return t, err
}

// digestHeld are the held rows of a reader. Those of a mailbox and of an address without one
// have each an index, and so have the untold ones of either.
func digestHeld(k digest.Key, untold bool) (text string, args []any) {
	text, args = ` FROM held WHERE box = ? AND box > 0 AND state = 'held'`, []any{k.Box}
	if k.Box == 0 {
		text, args = ` FROM held WHERE recipient_fold = ? AND box <= 0 AND state = 'held'`, []any{k.Recipient}
	}
	if untold {
		text += ` AND untold = 1 AND ended = 0`
	}
	return text, args
}

// digestUntold says what of a reader's is in no digest yet.
func digestUntold(tx *Tx, k digest.Key) (s digest.Seen, err error) {
	text, args := digestHeld(k, true)
	rows, err := tx.Query(`SELECT id`+text, args...)
	return digestSeen(rows, err)
}

func digestSeen(rows *sql.Rows, err error) (s digest.Seen, _ error) {
	err = each(rows, err, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		h := fnv.New64a()
		h.Write([]byte(id))
		s.Count, s.Sum = s.Count+1, s.Sum+h.Sum64()
		return err
	})
	return s, err
}

// A digestSpan is a reader's held rows, untold or told ones, between two ends, the first
// excluded.
type digestSpan struct {
	key           digest.Key
	untold        bool
	after, before int64
}

func (s digestSpan) where() (text string, args []any) {
	text, args = digestHeld(s.key, s.untold)
	if !s.untold {
		text += ` AND untold = 0`
	}
	return text + ` AND expires > ? AND expires <= ?`, append(args, s.after, s.before)
}

func (s digestSpan) part(tx *Tx, order string, limit int) (p digest.Part, err error) {
	if s.after >= s.before {
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

// digestEnds returns the first end of a reader's holds after one.
func digestEnds(tx *Tx, k digest.Key, after int64) (time.Time, error) {
	text, args := digestHeld(k, false)
	var first int64
	err := tx.Row(`SELECT COALESCE(MIN(expires), 0)`+text+` AND expires > ?`, append(args, after), &first)
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

// putMark is first in its commit: it locks held rows, and then one of digest_told, whose
// holder asks for no older lock.
func putMark(tx *Tx, m digest.Mark) error {
	if err := putSeen(tx, m); err != nil {
		return err
	}
	warned, ends, sent := toMicros(m.Now.Warned), toMicros(m.Now.Ends), toMicros(m.Now.Sent)
	done, err := tx.Exec(`UPDATE digest_told SET domain = ?, warned = ?, ends = ?, sent = ?
		WHERE box = ? AND recipient = ? AND warned = ? AND sent = ? AND off = 0`,
		m.Domain, warned, ends, sent, m.Key.Box, m.Key.Recipient, toMicros(m.Was.Warned), toMicros(m.Was.Sent))
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return err
	}
	if m.Was != (digest.Told{}) {
		return digest.ErrTold
	}
	done, err = tx.Exec(`INSERT INTO digest_told (box, recipient, domain, until, warned, ends, sent, off) VALUES (?, ?, ?, 0, ?, ?, ?, 0)
		ON CONFLICT (box, recipient) DO NOTHING`, m.Key.Box, m.Key.Recipient, m.Domain, warned, ends, sent)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return digest.ErrTold
}

// putSeen notes of what was in no digest that it is in one, where it is the same still.
func putSeen(tx *Tx, m digest.Mark) error {
	if m.Seen.Count == 0 {
		return nil
	}
	text, args := digestHeld(m.Key, true)
	if err := tx.lock(`SELECT id`+text+` ORDER BY id`, args...); err != nil {
		return err
	}
	rows, err := tx.Query(`UPDATE held SET untold = 0`+strings.TrimPrefix(text, ` FROM held`)+` RETURNING id`, args...)
	seen, err := digestSeen(rows, err)
	if err == nil && seen != m.Seen {
		return digest.ErrTold
	}
	return err
}

// Sweep implements digest.Rows, a few hundred readers in a commit.
func (d Digests) Sweep(ctx context.Context) error {
	for after := (digest.Key{}); ; {
		var page []digest.Key
		err := d.db.Update(ctx, func(tx *Tx) error {
			rows, err := tx.Query(`SELECT box, recipient FROM digest_told WHERE (box, recipient) > (?, ?) ORDER BY box, recipient LIMIT ?`, after.Box, after.Recipient, chunk)
			if page, err = digestKeys(rows, err); err != nil || len(page) == 0 {
				return err
			}
			last := page[len(page)-1]
			_, err = tx.Exec(digestSweep, after.Box, after.Recipient, last.Box, last.Recipient)
			return err
		})
		if err != nil {
			return fmt.Errorf("store: readers for whom nothing is held: %w", err)
		}
		if len(page) < chunk {
			break
		}
		after = page[len(page)-1]
	}
	err := d.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`DELETE FROM digest_run WHERE NOT EXISTS (SELECT 1 FROM domain WHERE name = digest_run.domain)`)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: runs of digests of domains that are gone: %w", err)
	}
	return nil
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
