package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/directory"
	"gatepost/mailbox"
)

// AskToSend keeps a request, and notes it where it reaches somebody. It reaches nobody where its asker has asked for
// another address of the same mailbox already, or too many ask for that. It fails with ErrAsked, and with ErrTooMany,
// whether it would have reached anybody or not.
func (m Mailboxes) AskToSend(ctx context.Context, r mailbox.SendRequest, note *directory.Note) (reached bool, err error) {
	err = m.db.Update(ctx, func(tx *Tx) error {
		if err := lockBox(tx, r.Asker); err != nil {
			return err
		}
		asked := r // a commit may be run twice
		if err := roomToAsk(tx, &asked); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO mailbox_send_request (id, asker, address, box, how, asked, expires) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			asked.ID, asked.Asker, asked.Address, asked.Box, asked.How, toMicros(asked.Asked), toMicros(asked.Expires))
		if reached = asked.Box != 0; err != nil || !reached {
			return err
		}
		return putNote(tx, note)
	})
	if err != nil {
		return false, fmt.Errorf("store: box %d asks to send as %s: %w", r.Asker, r.Address, err)
	}
	return reached, nil
}

// roomToAsk looks at what the asker has asked for already, also what he took back since (declined is 2), for somebody was written to, and takes the box out of what is not to reach it.
func roomToAsk(tx *Tx, r *mailbox.SendRequest) error {
	now := toMicros(r.Asked)
	if _, err := tx.Exec(`DELETE FROM mailbox_send_request WHERE asker = ? AND expires <= ?`, r.Asker, now); err != nil {
		return err
	}
	var same, open, before, others int
	err := tx.Row(`SELECT COALESCE(SUM(CASE WHEN address = ? THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN declined <> 1 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN box = ? AND box <> 0 THEN 1 ELSE 0 END), 0) FROM mailbox_send_request WHERE asker = ?`,
		[]any{r.Address, r.Box, r.Asker}, &same, &open, &before)
	if err != nil {
		return err
	}
	if err := tx.Row(`SELECT COUNT(*) FROM mailbox_send_request WHERE box = ? AND declined = 0 AND expires > ?`, []any{r.Box, now}, &others); err != nil {
		return err
	}
	switch {
	case same > 0:
		return mailbox.ErrAsked
	case open >= mailbox.MaxSendRequests:
		return fmt.Errorf("%w: %d requests wait for an answer", mailbox.ErrTooMany, open)
	case before > 0 || others >= mailbox.MaxSendRequestsTo:
		r.Box = 0
	}
	return nil
}

// sendRequests are those that wait for an answer.
func sendRequests(tx *Tx, now time.Time, where string, args ...any) (all []mailbox.SendRequest, err error) {
	rows, err := tx.Query(`SELECT id, asker, address, box, how, asked, expires FROM mailbox_send_request WHERE declined = 0 AND expires > ? AND `+where+` ORDER BY id LIMIT 1000`,
		append([]any{toMicros(now)}, args...)...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var r mailbox.SendRequest
		var asked, expires int64
		err := rows.Scan(&r.ID, &r.Asker, &r.Address, &r.Box, &r.How, &asked, &expires)
		r.Asked, r.Expires = fromMicros(asked), fromMicros(expires)
		all = append(all, r)
		return err
	})
	return all, err
}

func sendRequest(tx *Tx, id string, now time.Time) (mailbox.SendRequest, error) {
	all, err := sendRequests(tx, now, `id = ? AND box <> 0`, id)
	if err == nil && len(all) == 0 {
		err = mailbox.ErrNoSendRequest
	}
	if err != nil {
		return mailbox.SendRequest{}, err
	}
	return all[0], nil
}

// SendRequest returns one that reaches somebody and waits for his answer, or ErrNoSendRequest.
func (m Mailboxes) SendRequest(ctx context.Context, id string, now time.Time) (r mailbox.SendRequest, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		r, err = sendRequest(tx, id, now)
		return err
	})
	if err != nil {
		return r, fmt.Errorf("store: request %s: %w", id, err)
	}
	return r, nil
}

// SendRequests returns those that wait for an answer, the oldest first, 1000 at most.
func (m Mailboxes) SendRequests(ctx context.Context, q mailbox.SendRequestQuery, now time.Time) (all []mailbox.SendRequest, err error) {
	where, args := `box <> 0`, []any{}
	switch {
	case q.Asker != 0:
		where, args = `asker = ?`, []any{q.Asker}
	case len(q.Boxes) > 0:
		where, args = `box <> 0 AND box IN (`+marks(len(q.Boxes))+`)`, anys(q.Boxes)
	}
	err = m.db.View(ctx, func(tx *Tx) error {
		all, err = sendRequests(tx, now, where, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: requests to send: %w", err)
	}
	return all, nil
}

// AnswerSendRequest grants a request or declines it, and notes that. Who may send as the mailbox already keeps that. One
// that does not wait for an answer any more is ErrNoSendRequest.
func (m Mailboxes) AnswerSendRequest(ctx context.Context, id string, grant bool, now time.Time, note *directory.Note) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		r, err := sendRequest(tx, id, now)
		if err != nil {
			return err
		}
		if err := lockBox(tx, r.Box); err != nil {
			return err
		}
		if r, err = sendRequest(tx, id, now); err != nil { // of two answers the second finds none
			return err
		}
		if grant {
			err = grantSending(tx, r)
		} else {
			_, err = tx.Exec(`UPDATE mailbox_send_request SET declined = 1 WHERE id = ?`, id)
		}
		if err != nil {
			return err
		}
		return putNote(tx, note)
	})
	if err != nil {
		return fmt.Errorf("store: answer to request %s: %w", id, err)
	}
	return nil
}

// TakeSendRequestBack ends for its asker what waits for an answer, and notes it where it reached somebody. It still counts as
// asked. One that waits no more is ErrNoSendRequest.
func (m Mailboxes) TakeSendRequestBack(ctx context.Context, r mailbox.SendRequest, now time.Time, note *directory.Note) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		if err := lockBox(tx, r.Box); err != nil { // as an answer does
			return err
		}
		var id string
		err := tx.Row(`UPDATE mailbox_send_request SET declined = 2 WHERE id = ? AND asker = ? AND declined = 0 AND expires > ? RETURNING id`,
			[]any{r.ID, r.Asker, toMicros(now)}, &id)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return mailbox.ErrNoSendRequest
		case err != nil || r.Box == 0:
			return err
		}
		return putNote(tx, note)
	})
	if err != nil {
		return fmt.Errorf("store: request %s is taken back: %w", r.ID, err)
	}
	return nil
}

func grantSending(tx *Tx, r mailbox.SendRequest) error {
	if _, err := tx.Exec(`DELETE FROM mailbox_send_request WHERE id = ?`, r.ID); err != nil {
		return err
	}
	who := mailbox.BoxWho(r.Asker)
	var has mailbox.Sending
	err := tx.Row(`SELECT how FROM mailbox_sender WHERE box = ? AND who = ?`, []any{r.Box, who}, &has)
	if err != nil && !errors.Is(err, sql.ErrNoRows) || has == mailbox.SendAs {
		return err
	}
	return setSender(tx, r.Box, who, r.How)
}

// ThinSendRequests removes those that nobody can answer any more.
func (m Mailboxes) ThinSendRequests(ctx context.Context, now time.Time) error {
	err := m.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`DELETE FROM mailbox_send_request WHERE expires <= ?`, toMicros(now))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: old requests to send: %w", err)
	}
	return nil
}
