package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/complaint"
)

// weighSubjects writes down what complaints of each come to now.
func weighSubjects(tx *Tx, list []complaint.Subject, w complaint.Weigher) (all []complaint.Standing, err error) {
	for _, s := range list {
		old, err := readStanding(tx, s)
		if err != nil {
			return nil, err
		}
		entries, err := entriesOf(tx, s, w.Now.Add(-w.Measure.Faded()))
		if err != nil {
			return nil, err
		}
		n := w.Measure.Weigh(old, entries, w.Now)
		changed, err := nextChange(tx, w.Now)
		if err != nil {
			return nil, err
		}
		_, err = tx.Exec(`UPDATE complaint_subject SET weight = ?, at = ?, people = ?, senders = ?, last = ?, changed = ? WHERE kind = ? AND name = ?`,
			n.Weight, toMicros(n.At), n.People, n.Senders, toMicros(n.Last), changed, string(s.Kind), s.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

// nextChange is the time, or what comes after the last change where the clock says less.
func nextChange(tx *Tx, now time.Time) (int64, error) {
	var last int64
	err := tx.Row(`SELECT COALESCE(MAX(changed), 0) FROM complaint_subject`, nil, &last)
	return max(toMicros(now), last+1), err
}

// entriesOf reads the complaints that weigh against a subject, the newest.
func entriesOf(tx *Tx, s complaint.Subject, since time.Time) (list []complaint.Entry, err error) {
	column, weight := "network", "client_weight"
	switch s.Kind {
	case complaint.OfSender:
		column, weight = "sender", "sender_weight"
	case complaint.OfDomain:
		column, weight = "domain", "sender_weight"
	}
	rows, err := tx.Query(`SELECT time, person, recipient, sender, `+weight+` FROM complaint WHERE `+column+` = ? AND `+column+` <> '' AND time > ?
		AND state = 'counts' AND `+weight+` > 0 ORDER BY time DESC LIMIT ?`, s.Name, toMicros(since), complaint.MaxEntries)
	err = each(rows, err, func(rows *sql.Rows) error {
		var e complaint.Entry
		var when int64
		err := rows.Scan(&when, &e.Person, &e.Recipient, &e.Sender, &e.Weight)
		e.Time = fromMicros(when)
		list = append(list, e)
		return err
	})
	return list, err
}

const standingColumns = `kind, name, weight, at, people, senders, last, accepted, looked`

func scanStanding(scan func(...any) error) (s complaint.Standing, err error) {
	var at, last, looked int64
	err = scan(&s.Kind, &s.Name, &s.Weight, &at, &s.People, &s.Senders, &last, &s.Accepted, &looked)
	s.At, s.Last, s.Looked = fromMicros(at), fromMicros(last), fromMicros(looked)
	return s, err
}

func readStanding(tx *Tx, s complaint.Subject) (complaint.Standing, error) {
	return scanStanding(func(dest ...any) error {
		return tx.Row(`SELECT `+standingColumns+` FROM complaint_subject WHERE kind = ? AND name = ?`, []any{string(s.Kind), s.Name}, dest...)
	})
}

// SetAccepted implements complaint.Rows.
func (c Complaints) SetAccepted(ctx context.Context, s complaint.Subject, accepted int, looked time.Time) error {
	err := c.db.Update(ctx, func(tx *Tx) error {
		changed, err := nextChange(tx, looked)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE complaint_subject SET accepted = ?, looked = ?, changed = ? WHERE kind = ? AND name = ?`,
			accepted, toMicros(looked), changed, string(s.Kind), s.Name)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: accepted of %s: %w", s.Name, err)
	}
	return nil
}

// Changed implements complaint.Rows.
func (c Complaints) Changed(ctx context.Context) (mark int64, err error) {
	err = c.db.View(ctx, func(tx *Tx) error {
		return tx.Row(`SELECT COALESCE(MAX(changed), 0) FROM complaint_subject`, nil, &mark)
	})
	if err != nil {
		return 0, fmt.Errorf("store: changes of complaints: %w", err)
	}
	return mark, nil
}

// Standings implements complaint.Rows.
func (c Complaints) Standings(ctx context.Context, kind complaint.Kind, least float64, limit int) (list []complaint.Standing, err error) {
	err = c.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT `+standingColumns+` FROM complaint_subject WHERE weight >= ? AND people > 0 AND (? = '' OR kind = ?)
			ORDER BY weight DESC, kind, name LIMIT ?`, least, string(kind), string(kind), limit)
		return each(rows, err, func(rows *sql.Rows) error {
			s, err := scanStanding(rows.Scan)
			list = append(list, s)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: standings: %w", err)
	}
	return list, nil
}

// Standing implements complaint.Rows.
func (c Complaints) Standing(ctx context.Context, s complaint.Subject) (found complaint.Standing, err error) {
	err = c.db.View(ctx, func(tx *Tx) error {
		var err error
		found, err = readStanding(tx, s)
		if errors.Is(err, sql.ErrNoRows) {
			return complaint.ErrNotFound
		}
		return err
	})
	if err != nil {
		return found, fmt.Errorf("store: standing of %s: %w", s.Name, err)
	}
	return found, nil
}
