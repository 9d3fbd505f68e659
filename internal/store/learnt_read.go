package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"gatepost/internal/learnt"
)

// Load implements learnt.Reader. Where nothing changed it reads one number.
func (l Learnt) Load(ctx context.Context, since int64, hand func(learnt.Entry) error) (revision int64, err error) {
	err = l.db.View(ctx, func(tx *Tx) error {
		if err := tx.Row(`SELECT value FROM learnt_counter WHERE name = 'revision'`, nil, &revision); err != nil {
			return err
		}
		if revision == since {
			return nil
		}
		condition := ` revision > ?`
		if since == 0 {
			condition += ` AND spam > ham`
		}
		rows, err := tx.Query(`SELECT kind, sum, spam, ham, sources, networks, domains, home, first, last, revision FROM learnt_print WHERE`+condition+` ORDER BY revision, id`, since)
		return each(rows, err, func(rows *sql.Rows) error {
			e, err := scanPrint(rows)
			if err != nil {
				return err
			}
			return hand(e)
		})
	})
	if err != nil {
		return 0, fmt.Errorf("store: load what was learnt: %w", err)
	}
	return revision, nil
}

func scanPrint(rows *sql.Rows) (e learnt.Entry, err error) {
	var first, last, sources int64
	err = rows.Scan(&e.Kind, &e.Sum, &e.Spam, &e.Ham, &sources, &e.Networks, &e.Domains, &e.Home, &first, &last, &e.Revision)
	e.Sum = slices.Clone(e.Sum)
	e.Sources, e.First, e.Last = learnt.SourcesOf(uint16(sources)), fromMicros(first), fromMicros(last)
	return e, err
}

const lessonColumns = `id, message, person, spam, source, time, ended, ended_by`

// lessonsOf returns lessons with their prints.
func lessonsOf(tx *Tx, condition string, args ...any) (list []learnt.Lesson, err error) {
	rows, err := tx.Query(`SELECT `+lessonColumns+` FROM learnt_lesson`+condition, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var one learnt.Lesson
		var when, ended int64
		err := rows.Scan(&one.ID, &one.Message, &one.Person, &one.Spam, &one.Source, &when, &ended, &one.EndedBy)
		one.Time, one.Ended = fromMicros(when), fromMicros(ended)
		list = append(list, one)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range list {
		rows, err := tx.Query(`SELECT p.kind, p.sum FROM learnt_taught t JOIN learnt_print p ON p.id = t.print WHERE t.lesson = ? ORDER BY p.kind, p.sum`, list[i].ID)
		err = each(rows, err, func(rows *sql.Rows) error {
			var p learnt.Print
			err := rows.Scan(&p.Kind, &p.Sum)
			p.Sum = slices.Clone(p.Sum)
			list[i].Prints = append(list[i].Prints, p)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Find implements learnt.Reader.
func (l Learnt) Find(ctx context.Context, q learnt.Query) (list []learnt.Lesson, err error) {
	w := where{}
	w.addIf(q.Message != "", `message = ?`, q.Message)
	w.addIf(q.Source != "", `source = ?`, string(q.Source))
	if len(q.Sum) > 0 {
		w.add(`id IN (SELECT t.lesson FROM learnt_taught t JOIN learnt_print p ON p.id = t.print WHERE p.sum = ?)`, q.Sum)
	}
	if !q.Ended {
		w.add(`ended = 0`)
	}
	w.addIf(q.After != 0, `id < ?`, q.After)
	limit := q.Limit
	if limit <= 0 || limit > chunk {
		limit = chunk
	}
	err = l.db.View(ctx, func(tx *Tx) error {
		list, err = lessonsOf(tx, w.String()+` ORDER BY id DESC LIMIT ?`, append(w.args[:len(w.args):len(w.args)], limit)...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: find lessons: %w", err)
	}
	return list, nil
}

// Counts implements learnt.Reader.
func (l Learnt) Counts(ctx context.Context) (list []learnt.Count, err error) {
	err = l.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT source, spam, COUNT(*), MAX(time) FROM learnt_lesson WHERE ended = 0 GROUP BY source, spam ORDER BY source, spam`)
		return each(rows, err, func(rows *sql.Rows) error {
			var c learnt.Count
			var last int64
			err := rows.Scan(&c.Source, &c.Spam, &c.Count, &last)
			c.Last = fromMicros(last)
			list = append(list, c)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: count lessons: %w", err)
	}
	return list, nil
}
