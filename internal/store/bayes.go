package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"gatepost/internal/bayes/desk"
)

// Bayes keeps what the Bayes filter learnt.
type Bayes struct{ db *DB }

var _ desk.Rows = Bayes{}

// Bayes returns the store's Bayes model.
func (db *DB) Bayes() Bayes { return Bayes{db} }

// pieceOctets bounds the values that large ones are cut into: commits of others don't wait long for one.
const pieceOctets = 256 << 10

// Append implements desk.Writer.
func (b Bayes) Append(ctx context.Context, e desk.Entry) error {
	err := b.db.Update(ctx, func(tx *Tx) error {
		done, err := tx.Exec(`UPDATE bayes_head SET seq = ? WHERE id = 1 AND seq = ?`, e.Seq, e.Seq-1)
		n, err := affected(done, err)
		if err != nil {
			return err
		}
		if n == 0 {
			return desk.ErrBehind
		}
		_, err = tx.Exec(`INSERT INTO bayes_entry (seq, node, time, octets) VALUES (?, ?, ?, ?)`, e.Seq, e.Node, toMicros(e.Time), len(e.Delta))
		if err != nil {
			return err
		}
		for part, data := range pieces(e.Delta) {
			if _, err := tx.Exec(`INSERT INTO bayes_entry_piece (seq, part, data) VALUES (?, ?, ?)`, e.Seq, part, data); err != nil {
				return err
			}
		}
		if e.Roll != nil {
			return putRoll(tx, e)
		}
		return putTaught(tx, e)
	})
	if err != nil {
		return fmt.Errorf("store: append to what bayes learnt: %w", err)
	}
	return nil
}

// pieces cuts a value.
func pieces(b []byte) (list [][]byte) {
	for len(b) > 0 {
		n := min(len(b), pieceOctets)
		list, b = append(list, b[:n]), b[n:]
	}
	return list
}

// putRoll fails where the snapshot is gone: no node could read its model any more. It also takes away the samples that came after the snapshot, which may be what the model is rolled back for.
func putRoll(tx *Tx, e desk.Entry) error {
	r := e.Roll
	var there int
	err := tx.Row(`SELECT COUNT(*) FROM bayes_snapshot WHERE id = ? AND whole = 1`, []any{r.Snapshot}, &there)
	if err != nil {
		return err
	}
	if there == 0 && r.Snapshot != 0 {
		return desk.ErrNoSnapshot
	}
	_, err = tx.Exec(`INSERT INTO bayes_roll (seq, back_to, snapshot, day, time, who) VALUES (?, ?, ?, ?, ?, ?)`,
		e.Seq, r.To, r.Snapshot, r.Day, toMicros(r.Time), r.By)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`DELETE FROM bayes_sample WHERE seq > ?`, r.To)
	return err
}

// putTaught writes what stands beside an entry.
func putTaught(tx *Tx, e desk.Entry) error {
	for _, end := range e.Ends {
		_, err := tx.Exec(`INSERT INTO bayes_end (lesson, seq) SELECT id, ended_seq FROM bayes_lesson WHERE id = ? AND ended_seq > 0 ON CONFLICT (lesson, seq) DO NOTHING`, end.Lesson)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE bayes_lesson SET ended = ?, ended_seq = ?, ended_by = ? WHERE id = ?`, toMicros(e.Time), e.Seq, end.By, end.Lesson)
		if err != nil {
			return err
		}
	}
	for _, l := range e.Lessons {
		_, err := tx.Exec(`INSERT INTO bayes_lesson (message, person, domain, spam, source, time, state, seq, sum, step, score) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			l.Message, l.Person, l.Domain, number(l.Spam), string(l.Source), min(toMicros(l.Time), tx.now()), string(l.State), e.Seq, notNull(l.Sum), notNull(l.Step), l.Score)
		if err != nil {
			return fmt.Errorf("%s by %s: %w", l.Message, l.Person, err)
		}
	}
	for _, c := range e.Cells {
		_, err := tx.Exec(`INSERT INTO bayes_record (day, spam, score, count) VALUES (?, ?, ?, ?)
			ON CONFLICT (day, spam, score) DO UPDATE SET count = bayes_record.count + excluded.count`, c.Day, number(c.Spam), c.Score, c.Count)
		if err != nil {
			return err
		}
	}
	if e.Guard != nil {
		if _, err := tx.Exec(`DELETE FROM bayes_guard WHERE 1 = ?`, number(e.Guard.Anew)); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO bayes_guard (day, ham, spam) VALUES (?, ?, ?) ON CONFLICT (day) DO NOTHING`, e.Guard.Day, e.Guard.Ham, e.Guard.Spam); err != nil {
			return err
		}
	}
	for _, s := range e.Samples {
		_, err := tx.Exec(`INSERT INTO bayes_sample (slot, seq, message, person, domain, features) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (slot) DO UPDATE SET seq = excluded.seq, message = excluded.message, person = excluded.person, domain = excluded.domain, features = excluded.features`,
			s.Slot, e.Seq, s.Message, s.Person, s.Domain, notNull(s.Features))
		if err != nil {
			return fmt.Errorf("sample of %s: %w", s.Message, err)
		}
	}
	return nil
}

func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Trim implements desk.Writer.
func (b Bayes) Trim(ctx context.Context, upTo int64) (more bool, err error) {
	const some = 20
	err = b.db.Update(ctx, func(tx *Tx) error {
		list, err := numbers(tx, `SELECT seq FROM bayes_entry WHERE seq <= ? ORDER BY seq LIMIT ?`, upTo, some)
		if err != nil {
			return err
		}
		more = len(list) == some
		for _, seq := range list {
			for _, text := range [...]string{`DELETE FROM bayes_entry_piece WHERE seq = ?`, `DELETE FROM bayes_entry WHERE seq = ?`} {
				if _, err := tx.Exec(text, seq); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("store: trim what bayes learnt: %w", err)
	}
	remains, err := b.remains(ctx)
	for _, id := range remains {
		if err := b.DropSnapshot(ctx, id); err != nil {
			return false, err
		}
	}
	return more, err
}

// numbers returns the numbers that a query finds.
func numbers(tx *Tx, query string, args ...any) (list []int64, err error) {
	rows, err := tx.Query(query, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		list = append(list, n)
		return err
	})
	return list, err
}

// Expire implements desk.Writer.
func (b Bayes) Expire(ctx context.Context, before time.Time, most, limit int) (gone int, err error) {
	err = b.db.Update(ctx, func(tx *Tx) error {
		if err := tx.lock(`SELECT seq FROM bayes_head WHERE id = 1`); err != nil {
			return err
		}
		var all, old int
		if err := tx.Row(`SELECT COUNT(*) FROM bayes_lesson`, nil, &all); err != nil {
			return err
		}
		if err := tx.Row(`SELECT COUNT(*) FROM bayes_lesson WHERE time < ?`, []any{toMicros(before)}, &old); err != nil {
			return err
		}
		gone = min(max(old, all-most), limit)
		for _, text := range [...]string{
			`DELETE FROM bayes_end WHERE lesson IN (SELECT id FROM bayes_lesson ORDER BY time, id LIMIT ?)`,
			`DELETE FROM bayes_lesson WHERE id IN (SELECT id FROM bayes_lesson ORDER BY time, id LIMIT ?)`,
		} {
			if _, err := tx.Exec(text, gone); err != nil {
				return err
			}
		}
		for _, text := range [...]string{`DELETE FROM bayes_record WHERE day < ?`, `DELETE FROM bayes_guard WHERE day < ? AND day NOT IN (SELECT day FROM bayes_guard ORDER BY day DESC LIMIT 10)`} {
			if _, err := tx.Exec(text, before.UTC().Format(time.DateOnly)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`DELETE FROM bayes_roll WHERE time < ? AND seq < (SELECT MIN(seq) FROM bayes_snapshot WHERE whole = 1)
			AND NOT EXISTS (SELECT 1 FROM bayes_lesson WHERE seq < bayes_roll.seq)`, toMicros(before))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store: expire what bayes learnt: %w", err)
	}
	return gone, nil
}
