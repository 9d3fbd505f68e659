package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

// Audit keeps what was done to who may do what.
type Audit struct{ db *DB }

// Audit returns the store's.
func (db *DB) Audit() Audit { return Audit{db} }

// maxNotes bounds what one look at it returns.
const maxNotes = 1000

// putNote writes one in the commit of what it tells.
func putNote(tx *Tx, n *directory.Note) error {
	_, err := tx.Exec(`INSERT INTO audit (id, time, who, what, whom, about) VALUES (?, ?, ?, ?, ?, ?)`,
		mail.NewID(n.Time), toMicros(n.Time), n.Who, n.What, n.Whom, n.About)
	if err != nil {
		return fmt.Errorf("note what was done: %w", err)
	}
	return nil
}

// ErrManyNotes: somebody does so much that it can't be noted.
var ErrManyNotes = errors.New("too much was noted already")

// Add notes what is done that has no commit of its own. It fails with ErrManyNotes where somebody has done most such things to somebody
// since a time: what anybody can have noted by asking for a page is not without end.
func (a Audit) Add(ctx context.Context, n directory.Note, most int, since time.Time) error {
	err := a.db.Update(ctx, func(tx *Tx) error {
		var done int
		if err := tx.Row(`SELECT COUNT(*) FROM audit WHERE who = ? AND whom = ? AND id > ?`, []any{n.Who, n.Whom, mail.NewID(since)}, &done); err != nil {
			return err
		}
		if done >= most {
			return ErrManyNotes
		}
		return putNote(tx, &n)
	})
	if err != nil && !errors.Is(err, ErrManyNotes) {
		err = fmt.Errorf("store: %w", err)
	}
	return err
}

// A NoteQuery asks for notes, the newest first. Empty fields ask for all.
type NoteQuery struct {
	Who    string // did it
	Whom   string // it was done to
	What   string // was done
	Before string // what is older than this ID
	Limit  int    // at most so many; 0: as many as there may be
}

// Notes returns what was done.
func (a Audit) Notes(ctx context.Context, q NoteQuery) (all []directory.Note, err error) {
	if q.Limit <= 0 || q.Limit > maxNotes {
		q.Limit = maxNotes
	}
	var w where
	w.addIf(q.Who != "", `who = ?`, q.Who)
	w.addIf(q.Whom != "", `whom = ?`, q.Whom)
	w.addIf(q.What != "", `what = ?`, q.What)
	w.addIf(q.Before != "", `id < ?`, q.Before)
	err = a.db.View(ctx, func(tx *Tx) error {
		all = nil
		rows, err := tx.Query(`SELECT id, time, who, what, whom, about FROM audit`+w.String()+` ORDER BY id DESC LIMIT ?`, append(w.args, q.Limit)...)
		return each(rows, err, func(rows *sql.Rows) error {
			var n directory.Note
			var at int64
			err := rows.Scan(&n.ID, &at, &n.Who, &n.What, &n.Whom, &n.About)
			n.Time = fromMicros(at)
			all = append(all, n)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: what was done: %w", err)
	}
	return all, nil
}

// Thin forgets what was done before a time.
func (a Audit) Thin(ctx context.Context, before time.Time) error {
	if err := Mailboxes(a).thin(ctx, before, `DELETE FROM audit WHERE time < ? AND id IN (SELECT id FROM audit WHERE time < ? ORDER BY time LIMIT ?)`); err != nil {
		return fmt.Errorf("store: forget what was done: %w", err)
	}
	return nil
}
