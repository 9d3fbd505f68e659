package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gatepost/internal/access"
	"gatepost/internal/directory"
)

// What web_session.support may be.
const (
	supportNone = iota
	supportOffered
	supportUsed
)

func supportOf(s access.Session) int64 {
	switch {
	case !s.Support:
		return supportNone
	case s.Waiting:
		return supportOffered
	}
	return supportUsed
}

// OfferSupport implements access.SupportRows. What an owner's password has ended does not count.
func (a Access) OfferSupport(ctx context.Context, s access.Session, most int) error {
	err := a.db.Update(ctx, func(tx *Tx) error {
		if err := lockBox(tx, s.Who.Number); err != nil { // of two requests the second counts the first
			return err
		}
		var has int
		err := tx.Row(`SELECT COUNT(*) FROM web_session WHERE kind = ? AND person = ? AND support <> 0 AND mark = ? AND expires > ?`,
			[]any{string(s.Who.Kind), s.Who.Number, s.Mark, toMicros(s.Created)}, &has)
		if err != nil {
			return err
		}
		if has >= most {
			return access.ErrManySupport
		}
		if err := putSession(tx, s); err != nil {
			return err
		}
		return noteSupport(tx, s.Who, func(owner string) string { return owner }, directory.Note{Time: s.Created, What: directory.NoteSupportGiven, About: "until " + supportTime(s)})
	})
	if err != nil && !errors.Is(err, access.ErrManySupport) {
		err = fmt.Errorf("store: give support access: %w", err)
	}
	return err
}

// TakeSupport implements access.SupportRows.
func (a Access) TakeSupport(ctx context.Context, id string, next access.Session) error {
	err := a.db.Update(ctx, func(tx *Tx) error {
		done, err := tx.Exec(`DELETE FROM web_session WHERE id = ? AND support = ?`, id, supportOffered)
		n, err := affected(done, err)
		if err != nil {
			return err
		}
		if n == 0 { // somebody was faster
			return access.ErrNoSession
		}
		if err := putSession(tx, next); err != nil {
			return err
		}
		from := addrText(next.Client)
		if from == "" {
			from = "an unknown address"
		}
		about := "from " + from + ", until " + supportTime(next)
		return noteSupport(tx, next.Who, access.SupportOf, directory.Note{Time: next.Created, What: directory.NoteSupportUsed, About: about})
	})
	if err != nil && !errors.Is(err, access.ErrNoSession) {
		err = fmt.Errorf("store: use support access: %w", err)
	}
	return err
}

// supportTime is when support access ends, as the audit says it.
func supportTime(s access.Session) string { return s.Expires.UTC().Format("2006-01-02 15:04 UTC") }

// noteSupport notes what became of support access to a mailbox; by makes who did it of the mailbox's address.
func noteSupport(tx *Tx, who access.ID, by func(address string) string, n directory.Note) error {
	err := tx.Row(`SELECT address FROM mailbox WHERE id = ?`, []any{who.Number}, &n.Whom)
	if errors.Is(err, sql.ErrNoRows) { // and what was done to it went with it
		return nil
	}
	if err != nil {
		return err
	}
	n.Who = by(n.Whom)
	return putNote(tx, &n)
}

// dropSessions ends sessions, notes those that gave support access, and returns how many there were.
func dropSessions(tx *Tx, end access.End, where string, args ...any) (n int, err error) {
	type ended struct {
		who     access.ID
		support int64
	}
	var all []ended
	rows, err := tx.Query(`DELETE FROM web_session WHERE `+where+` RETURNING kind, person, support`, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var one ended
		err := rows.Scan(&one.who.Kind, &one.who.Number, &one.support)
		n++
		if one.support != supportNone {
			all = append(all, one)
		}
		return err
	})
	for _, one := range all {
		if err == nil {
			about := "in use"
			if one.support == supportOffered {
				about = "not used"
			}
			err = noteSupport(tx, one.who, func(string) string { return end.By }, directory.Note{Time: end.At, What: directory.NoteSupportEnded, About: about})
		}
	}
	return n, err
}
