package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/bayes/desk"
)

// Head implements desk.Reader.
func (b Bayes) Head(ctx context.Context) (h desk.Head, err error) {
	err = b.db.View(ctx, func(tx *Tx) error {
		h, err = bayesHead(tx)
		return err
	})
	if err != nil {
		return desk.Head{}, fmt.Errorf("store: head of what bayes learnt: %w", err)
	}
	return h, nil
}

func bayesHead(tx *Tx) (h desk.Head, err error) {
	if err := tx.Row(`SELECT seq, COALESCE((SELECT MIN(seq) FROM bayes_entry), seq + 1) FROM bayes_head WHERE id = 1`, nil, &h.Seq, &h.First); err != nil {
		return h, err
	}
	rows, err := tx.Query(`SELECT seq, back_to, snapshot, day, time, who FROM bayes_roll ORDER BY seq`)
	err = each(rows, err, func(rows *sql.Rows) error {
		var r desk.Roll
		var when int64
		err := rows.Scan(&r.Seq, &r.To, &r.Snapshot, &r.Day, &when, &r.By)
		r.Time = fromMicros(when)
		h.Rolls = append(h.Rolls, r)
		return err
	})
	return h, err
}

// Entries implements desk.Reader. An entry is read in a view of its own: they don't change.
func (b Bayes) Entries(ctx context.Context, s desk.Span, octets int, hand func(desk.Entry) error) error {
	for octets > 0 {
		e, found, err := b.entry(ctx, s)
		if err != nil {
			return fmt.Errorf("store: what bayes learnt after %d: %w", s.After, err)
		}
		if !found {
			return nil
		}
		if err := hand(e); err != nil {
			return err
		}
		s.After = e.Seq
		octets -= len(e.Delta) + 100
	}
	return nil
}

func (b Bayes) entry(ctx context.Context, s desk.Span) (e desk.Entry, found bool, err error) {
	err = b.db.View(ctx, func(tx *Tx) error {
		e, found = desk.Entry{}, false
		var octets, when int64
		rows, err := tx.Query(`SELECT seq, node, time, octets FROM bayes_entry WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT 1`, s.After, s.UpTo)
		err = each(rows, err, func(rows *sql.Rows) error {
			found = true
			return rows.Scan(&e.Seq, &e.Node, &when, &octets)
		})
		if err != nil || !found {
			return err
		}
		e.Time = fromMicros(when)
		e.Delta, err = wholeOf(tx, `SELECT data FROM bayes_entry_piece WHERE seq = ? ORDER BY part`, e.Seq)
		if err == nil && int64(len(e.Delta)) != octets {
			err = fmt.Errorf("entry %d has %d octets of %d", e.Seq, len(e.Delta), octets)
		}
		return err
	})
	return e, found, err
}

// wholeOf reads the pieces of a value.
func wholeOf(tx *Tx, query string, id int64) (all []byte, err error) {
	rows, err := tx.Query(query, id)
	err = each(rows, err, func(rows *sql.Rows) error {
		var piece sql.RawBytes
		err := rows.Scan(&piece)
		all = append(all, piece...)
		return err
	})
	return all, err
}

// Before implements desk.Reader.
func (b Bayes) Before(ctx context.Context, list []desk.Lesson) (out desk.Before, err error) {
	err = b.db.View(ctx, func(tx *Tx) error {
		out = desk.Before{Counts: map[[2]string]int{}}
		if out.Head, err = bayesHead(tx); err != nil {
			return err
		}
		seen := map[string]bool{}
		for _, l := range list {
			if err := saidBefore(tx, l, seen, &out); err != nil {
				return fmt.Errorf("%s: %w", l.Message, err)
			}
			if err := taughtBefore(tx, l, out.Counts); err != nil {
				return fmt.Errorf("%s: %w", l.Person, err)
			}
		}
		return nil
	})
	if err != nil {
		return desk.Before{}, fmt.Errorf("store: what was said before: %w", err)
	}
	return out, nil
}

// saidBefore reads the lessons about a message, and those of its giver about its features.
func saidBefore(tx *Tx, l desk.Lesson, seen map[string]bool, out *desk.Before) error {
	if !seen[l.Message] {
		seen[l.Message] = true
		found, err := bayesLessons(tx, ` WHERE message = ? ORDER BY id DESC LIMIT ?`, l.Message, chunk)
		if err != nil {
			return err
		}
		out.Lessons = append(out.Lessons, found...)
	}
	if l.Features == nil {
		return nil
	}
	sum := l.Features.Sum()
	found, err := bayesLessons(tx, ` WHERE person = ? AND sum = ? AND message <> ? ORDER BY id DESC LIMIT 20`, l.Person, sum[:], l.Message)
	out.Lessons = append(out.Lessons, found...)
	return err
}

// taughtBefore counts what the giver of a lesson taught in the last day, and others in his domain, and by his source. Of what is
// refused the giver's alone counts, and of what strangers cause nothing in a domain.
func taughtBefore(tx *Tx, l desk.Lesson, counts map[[2]string]int) error {
	source := string(l.Source)
	if source == "" || l.Source.Firm() {
		return nil
	}
	since := tx.now() - (24 * time.Hour).Microseconds()
	for _, one := range [...]struct {
		key  [2]string
		text string
		args []any
	}{
		{[2]string{"source", source}, `SELECT COUNT(*) FROM bayes_lesson WHERE source = ? AND time > ? AND state <> 'refused'`, []any{source, since}},
		{[2]string{"domain", l.Domain}, `SELECT COUNT(*) FROM bayes_lesson WHERE domain = ? AND time > ? AND state <> 'refused'
			AND source NOT IN ('command', 'operator', 'trap', 'virus', 'challenge')`, []any{l.Domain, since}},
		{[2]string{source, l.Person}, `SELECT COUNT(*) FROM bayes_lesson WHERE source = ? AND time > ? AND person = ?`, []any{source, since, l.Person}},
	} {
		if _, known := counts[one.key]; known || one.key == [2]string{"domain", ""} {
			continue
		}
		var n int
		if err := tx.Row(one.text, one.args, &n); err != nil {
			return err
		}
		counts[one.key] = n
	}
	return nil
}

func bayesLessons(tx *Tx, condition string, args ...any) (list []desk.Lesson, err error) {
	rows, err := tx.Query(`SELECT id, message, person, domain, spam, source, time, state, seq, sum, step, score, ended, ended_seq, ended_by FROM bayes_lesson`+condition, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var l desk.Lesson
		var when, ended int64
		err := rows.Scan(&l.ID, &l.Message, &l.Person, &l.Domain, &l.Spam, &l.Source, &when, &l.State, &l.Seq, &l.Sum, &l.Step, &l.Score, &ended, &l.EndedSeq, &l.EndedBy)
		l.Time, l.Ended = fromMicros(when), fromMicros(ended)
		l.Sum, l.Step = slices.Clone(l.Sum), slices.Clone(l.Step)
		list = append(list, l)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, earlierEnds(tx, list)
}

// earlierEnds adds to lessons which entries ended them before the last that did.
func earlierEnds(tx *Tx, list []desk.Lesson) error {
	at := map[int64]*desk.Lesson{}
	var ids []any
	for i := range list {
		if list[i].EndedSeq != 0 {
			at[list[i].ID] = &list[i]
			ids = append(ids, list[i].ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := tx.Query(`SELECT lesson, seq FROM bayes_end WHERE lesson IN (`+marks(len(ids))+`) ORDER BY lesson, seq`, ids...)
	return each(rows, err, func(rows *sql.Rows) error {
		var lesson, seq int64
		err := rows.Scan(&lesson, &seq)
		if l := at[lesson]; l != nil {
			l.Earlier = append(l.Earlier, seq)
		}
		return err
	})
}

// Lessons implements desk.Reader.
func (b Bayes) Lessons(ctx context.Context, q desk.Query) (list []desk.Lesson, err error) {
	w := where{}
	w.addIf(q.ID != 0, `id = ?`, q.ID)
	w.addIf(q.Message != "", `message = ?`, q.Message)
	w.addIf(q.Person != "", `person = ?`, q.Person)
	w.addIf(q.Source != "", `source = ?`, string(q.Source))
	w.addIf(q.State != "", `state = ?`, string(q.State))
	w.addIf(!q.Since.IsZero(), `time >= ?`, toMicros(q.Since))
	w.addIf(q.After != 0, `id < ?`, q.After)
	limit := q.Limit
	if limit <= 0 || limit > chunk {
		limit = chunk
	}
	err = b.db.View(ctx, func(tx *Tx) error {
		list, err = bayesLessons(tx, w.String()+` ORDER BY id DESC LIMIT ?`, append(w.args[:len(w.args):len(w.args)], limit)...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: bayes lessons: %w", err)
	}
	return list, nil
}

// Counts implements desk.Reader.
func (b Bayes) Counts(ctx context.Context, p desk.Path) (list []desk.Count, err error) {
	begun, began := onPath("seq", p)
	over, ended := onPath("ended_seq", p)
	before, earlier := onPath("e.seq", p)
	text := `SELECT source, spam, state, COUNT(*), MAX(time) FROM bayes_lesson WHERE state <> 'refused' AND (` + begun + `) AND NOT (ended_seq > 0 AND (` + over + `))
		AND NOT (ended_seq > 0 AND EXISTS (SELECT 1 FROM bayes_end e WHERE e.lesson = bayes_lesson.id AND (` + before + `)))
		GROUP BY source, spam, state ORDER BY source, spam, state`
	err = b.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(text, slices.Concat(began, ended, earlier)...)
		return each(rows, err, func(rows *sql.Rows) error {
			var c desk.Count
			var last int64
			err := rows.Scan(&c.Source, &c.Spam, &c.State, &c.Count, &last)
			c.Last = fromMicros(last)
			list = append(list, c)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: count bayes lessons: %w", err)
	}
	return list, nil
}

// maxSpans bounds the spans of a path that a query has; with more, the oldest roll-backs are not looked at.
const maxSpans = 8

// onPath is the condition that the entry in a column is on a path.
func onPath(column string, p desk.Path) (string, []any) {
	var texts []string
	var args []any
	for _, s := range p[:min(len(p), maxSpans)] {
		texts = append(texts, column+` > ? AND `+column+` <= ?`)
		args = append(args, s.After, s.UpTo)
	}
	return strings.Join(texts, ` OR `), args
}

// Cells implements desk.Reader.
func (b Bayes) Cells(ctx context.Context, since string) (list []desk.Cell, err error) {
	err = b.db.look(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT day, spam, score, count FROM bayes_record WHERE day >= ? ORDER BY day, spam, score`, since)
		return each(rows, err, func(rows *sql.Rows) error {
			var c desk.Cell
			err := rows.Scan(&c.Day, &c.Spam, &c.Score, &c.Count)
			list = append(list, c)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: record of bayes: %w", err)
	}
	return list, nil
}

// Samples implements desk.Reader.
func (b Bayes) Samples(ctx context.Context, after int64) (list []desk.Sample, err error) {
	err = b.db.look(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT slot, seq, message, person, domain, features FROM bayes_sample WHERE seq > ? ORDER BY slot`, after)
		return each(rows, err, func(rows *sql.Rows) error {
			var s desk.Sample
			err := rows.Scan(&s.Slot, &s.Seq, &s.Message, &s.Person, &s.Domain, &s.Features)
			s.Features = slices.Clone(s.Features)
			list = append(list, s)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: known ham of bayes: %w", err)
	}
	return list, nil
}

// GuardDays implements desk.Reader.
func (b Bayes) GuardDays(ctx context.Context, limit int) (list []desk.GuardDay, err error) {
	err = b.db.look(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT day, ham, spam FROM bayes_guard ORDER BY day DESC LIMIT ?`, limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var d desk.GuardDay
			err := rows.Scan(&d.Day, &d.Ham, &d.Spam)
			list = append(list, d)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: days of the guard of bayes: %w", err)
	}
	return list, nil
}
