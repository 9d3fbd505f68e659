package store

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"gatepost/internal/journal"
)

// Journal keeps the journal's rows.
type Journal struct{ db *DB }

var _ journal.Rows = Journal{}

// Journal returns the store's journal.
func (db *DB) Journal() Journal { return Journal{db} }

// Put adds rows, in one commit.
func (j Journal) Put(ctx context.Context, rows []*journal.Row) error {
	err := j.db.Update(ctx, func(tx *Tx) error {
		for _, r := range rows {
			if err := putJournal(tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: journal: %w", err)
	}
	return nil
}

// putJournal adds a row, in the commit that accepts its message.
func putJournal(tx *Tx, r *journal.Row) error {
	for i := range r.Lines {
		l := &r.Lines[i]
		_, err := tx.Exec(`INSERT INTO journal (id, line, time, client, helo, login, sender, recipient, domain, subject, subject_key,
			message_id, size, policy, action, entry, filter, reason, score, state, evidence)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			r.ID, i, r.Time.UnixMicro(), r.Client, r.Helo, string(r.Login), string(r.Sender), string(l.Recipient), l.Recipient.Domain(),
			r.Subject, strings.ToLower(r.Subject), r.MessageID, r.Size, l.Policy, l.Action, l.Entry, l.Filter, l.Reason, finite(l.Score),
			l.State, r.Evidence)
		if err != nil {
			return fmt.Errorf("journal %s: %w", r.ID, err)
		}
	}
	return nil
}

// finite is a score as a row can have it: what no column of SQLite and no report takes,
// infinity and what is not a number, says nothing.
func finite(score float64) float64 {
	if math.IsNaN(score) || math.IsInf(score, 0) {
		return 0
	}
	return score
}

// setJournalState says what came after the outcome: "released", "expired". An id
// that the journal no longer has is no error.
func setJournalState(tx *Tx, id, recipient, state string) error {
	_, err := tx.Exec(`UPDATE journal SET state = ? WHERE id = ? AND recipient = ?`, state, id, recipient)
	if err != nil {
		return fmt.Errorf("journal %s: %w", id, err)
	}
	return nil
}

// SetState says what came after the outcome of one recipient's message:
// "released", "expired". The recipient is folded. An id that the journal no longer has
// is no error.
func (j Journal) SetState(ctx context.Context, id, recipient, state string) error {
	err := j.db.Update(ctx, func(tx *Tx) error { return setJournalState(tx, id, recipient, state) })
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

const (
	journalSelect = `SELECT id, line, time, client, helo, login, sender, recipient, subject, message_id, size,
		policy, action, entry, filter, reason, score, state, evidence FROM journal WHERE time >= ? AND time < ?`
	// journalRest is fixed, so that few texts are prepared whatever the fields: an
	// empty argument matches all.
	journalRest = ` AND (time, id, line) < (?, ?, ?)
		AND (? = '' OR domain = ?) AND (? = '' OR helo = ?) AND (? = '' OR login = ?) AND (? = '' OR message_id = ?)
		AND (? = '' OR filter = ?) AND (? = '' OR action = ?) AND (? = '' OR state = ?)
		AND (? = '' OR subject_key LIKE ? ESCAPE '!')
		ORDER BY time DESC, id DESC, line DESC LIMIT ?`
)

// journalSearch is the statement for q. The conditions that an index can decide
// stand in the text only where they are asked for: a search spends its time in them.
func journalSearch(q journal.Query) (text string, args []any) {
	from, to, after := microsOr(q.From, math.MinInt64), microsOr(q.To, math.MaxInt64), microsOr(q.After.Time, math.MaxInt64)
	if after < to { // the index takes this page's beginning from here
		to = after + 1
	}
	text, args = journalSelect, []any{from, to}
	for _, c := range []struct{ column, value string }{
		{"id", q.ID}, {"recipient", string(q.Recipient)}, {"sender", string(q.Sender)}, {"client", q.Client},
	} {
		if c.value != "" {
			text += " AND " + c.column + " = ?"
			args = append(args, c.value)
		}
	}
	if q.NullOnly {
		text += " AND sender = ''"
	}
	args = append(args, after, q.After.ID, q.After.Number)
	for _, v := range []string{q.Domain, q.Helo, string(q.Login), q.MessageID, q.Filter, q.Action, q.State} {
		args = append(args, v, v)
	}
	return text + journalRest, append(args, q.Subject, "%"+escapeLike(q.Subject)+"%", q.Limit)
}

// Search returns the hits that q asks for, the newest first.
func (j Journal) Search(ctx context.Context, q journal.Query) ([]journal.Hit, error) {
	query, args := journalSearch(q)
	var hits []journal.Hit
	err := j.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			h, err := scanHit(rows)
			if err != nil {
				return err
			}
			hits = append(hits, h)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("store: journal: %w", err)
	}
	return hits, nil
}

func microsOr(t time.Time, otherwise int64) int64 {
	if t.IsZero() {
		return otherwise
	}
	return t.UnixMicro()
}

// escapeLike makes every character of s stand for itself in LIKE … ESCAPE '!'.
func escapeLike(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s)
}

func scanHit(rows interface{ Scan(...any) error }) (h journal.Hit, err error) {
	var us int64
	err = rows.Scan(&h.ID, &h.Number, &us, &h.Client, &h.Helo, &h.Login, &h.Sender, &h.Recipient, &h.Subject, &h.MessageID,
		&h.Size, &h.Policy, &h.Action, &h.Entry, &h.Filter, &h.Reason, &h.Score, &h.State, &h.Evidence)
	h.Time = time.UnixMicro(us).UTC()
	return h, err
}

// expireChunk is how many lines one commit removes: mail waits for it.
const expireChunk = 500

// Expire removes what is older than t, a few lines at a time.
func (j Journal) Expire(ctx context.Context, t time.Time) error {
	for {
		var n int64
		err := j.db.Update(ctx, func(tx *Tx) error {
			done, err := tx.Exec(`DELETE FROM journal WHERE time < ? AND id IN (SELECT id FROM journal WHERE time < ? ORDER BY time LIMIT ?)`,
				t.UnixMicro(), t.UnixMicro(), expireChunk)
			if err != nil {
				return err
			}
			n, err = done.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("store: expire journal: %w", err)
		}
		if n == 0 {
			return nil
		}
	}
}
