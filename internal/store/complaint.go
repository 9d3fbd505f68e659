package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"gatepost/internal/complaint"
	"gatepost/internal/mail"
)

// Complaints keeps what people say against mail: it implements complaint.Rows.
type Complaints struct{ db *DB }

var _ complaint.Rows = Complaints{}

// Complaints returns the store's complaints.
func (db *DB) Complaints() Complaints { return Complaints{db} }

// putReports keeps reports until they are judged, in the commit that accepts them.
func putReports(tx *Tx, list []complaint.Report) error {
	for i := range list {
		body, err := json.Marshal(&list[i])
		if err != nil {
			return fmt.Errorf("report %s: %w", list[i].Tx, err)
		}
		_, err = tx.Exec(`INSERT INTO complaint_report (tx, time, body) VALUES (?, ?, ?)`, list[i].Tx, toMicros(list[i].Time), string(body))
		if err != nil {
			return fmt.Errorf("report %s: %w", list[i].Tx, err)
		}
	}
	return nil
}

// Waiting implements complaint.Rows. What can't be read any more says nothing, and goes
// when it is judged.
func (c Complaints) Waiting(ctx context.Context, limit int) (list []complaint.Report, err error) {
	err = c.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(`SELECT tx, time, body FROM complaint_report ORDER BY time, tx LIMIT ?`, limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var r complaint.Report
			var id, body string
			var when int64
			if err := rows.Scan(&id, &when, &body); err != nil {
				return err
			}
			if json.Unmarshal([]byte(body), &r) != nil {
				r = complaint.Report{}
			}
			r.Tx, r.Time = id, fromMicros(when)
			list = append(list, r)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: waiting reports: %w", err)
	}
	return list, nil
}

const complaintColumns = `id, report, time, form, type, reporter, proof, person, message, copy, recipient, message_id, subject, client,
	sender, account, state, note, client_weight, sender_weight, ended, ended_by`

func scanComplaint(rows *sql.Rows) (c complaint.Complaint, err error) {
	var client string
	var when, ended int64
	err = rows.Scan(&c.ID, &c.Report, &when, &c.Form, &c.Type, &c.Reporter, &c.Proof, &c.Person, &c.Message, &c.Copy, &c.Recipient, &c.MessageID,
		&c.Subject, &client, &c.Sender, &c.Account, &c.State, &c.Note, &c.ClientWeight, &c.SenderWeight, &ended, &c.EndedBy)
	c.Time, c.Ended = fromMicros(when), fromMicros(ended)
	c.Client, _ = netip.ParseAddr(client) // '' where nobody says
	return c, err
}

// Find implements complaint.Rows.
func (c Complaints) Find(ctx context.Context, q complaint.Query) (list []complaint.Complaint, err error) {
	text, args := complaintSearch(q)
	err = c.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(text, args...)
		return each(rows, err, func(rows *sql.Rows) error {
			found, err := scanComplaint(rows)
			list = append(list, found)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: complaints: %w", err)
	}
	return list, nil
}

// complaintSearch is the statement for q. The first condition that is asked for stands
// alone in the text, so that its index can decide; the others are fixed.
func complaintSearch(q complaint.Query) (text string, args []any) {
	network := ""
	if q.Client.IsValid() {
		network = complaint.ClientOf(q.Client).Name
	}
	columns := []struct{ name, value string }{
		{"id", q.ID}, {"message", q.Message}, {"network", network}, {"sender", string(q.Sender)}, {"domain", q.Domain},
		{"account", string(q.Account)}, {"reporter", string(q.Reporter)}, {"state", string(q.State)},
	}
	text, args = `SELECT `+complaintColumns+` FROM complaint WHERE time >= ?`, []any{toMicros(q.Since)}
	decided := false
	for _, c := range columns {
		if c.value != "" && !decided {
			decided = true
			text += " AND " + c.name + " = ? AND " + c.name + " <> ''" // the latter for partial indexes
			args = append(args, c.value)
		}
	}
	for _, c := range columns {
		text += " AND (? = '' OR " + c.name + " = ?)"
		args = append(args, c.value, c.value)
	}
	if q.After != "" {
		text += ` AND (time, id) < (SELECT time, id FROM complaint WHERE id = ?)`
		args = append(args, q.After)
	}
	return text + ` ORDER BY time DESC, id DESC LIMIT ?`, append(args, q.Limit)
}

// Totals implements complaint.Rows.
func (c Complaints) Totals(ctx context.Context, by complaint.By, since time.Time, limit int) (list []complaint.Total, err error) {
	column := map[complaint.By]string{complaint.ByReporter: "reporter", complaint.ByAccount: "account", complaint.ByState: "state"}[by]
	if column == "" {
		return nil, fmt.Errorf("store: complaints by %q", by)
	}
	only := ""
	if by == complaint.ByAccount {
		only = ` AND state = 'customer'`
	}
	err = c.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT `+column+`, COUNT(*), SUM(CASE WHEN state = 'counts' THEN 1 ELSE 0 END), MAX(time) FROM complaint
			WHERE time >= ? AND `+column+` <> ''`+only+` GROUP BY `+column+` ORDER BY 2 DESC, 1 LIMIT ?`, toMicros(since), limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var t complaint.Total
			var last int64
			err := rows.Scan(&t.Name, &t.Count, &t.Counting, &last)
			t.Last = fromMicros(last)
			list = append(list, t)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: complaints by %s: %w", by, err)
	}
	return list, nil
}

// acceptedRows is how many lines of the journal are looked through for what was accepted.
const acceptedRows = 200_000

// Accepted implements complaint.Rows.
func (c Complaints) Accepted(ctx context.Context, s complaint.Subject, since, now time.Time) (counts map[string]int, err error) {
	column, condition, args := acceptedOf(s)
	err = c.db.View(ctx, func(tx *Tx) error {
		counts = map[string]int{}
		var first int64
		err := tx.Row(`SELECT time FROM journal WHERE time >= ? ORDER BY time DESC LIMIT 1 OFFSET ?`, []any{toMicros(since), acceptedRows}, &first)
		times := 1.0
		switch {
		case errors.Is(err, sql.ErrNoRows):
			first = toMicros(since)
		case err != nil:
			return err
		case now.Sub(fromMicros(first)) > 0:
			times = now.Sub(since).Seconds() / now.Sub(fromMicros(first)).Seconds()
		}
		rows, err := tx.Query(`SELECT `+column+`, COUNT(*) FROM journal WHERE time >= ? AND login = ''
			AND state IN ('delivered', 'queued', 'relayed', 'tagged', 'released') AND `+condition+` GROUP BY `+column, append([]any{first}, args...)...)
		return each(rows, err, func(rows *sql.Rows) error {
			var name string
			var n float64
			err := rows.Scan(&name, &n)
			counts[name] = int(n * times)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: accepted of %s: %w", s.Name, err)
	}
	return counts, nil
}

// acceptedOf is a condition that all lines of a subject meet.
func acceptedOf(s complaint.Subject) (column, condition string, args []any) {
	switch s.Kind {
	case complaint.OfClient:
		if first, _, v6 := strings.Cut(s.Name, ":"); v6 {
			return "client", `client LIKE ? ESCAPE '!'`, []any{escapeLike(first) + ":%"}
		}
		return "client", `client = ?`, []any{s.Name}
	case complaint.OfSender:
		return "sender", `sender LIKE ? ESCAPE '!'`, []any{"%@" + escapeLike(mail.Path(s.Name).Domain())}
	}
	return "sender", `(sender LIKE ? ESCAPE '!' OR sender LIKE ? ESCAPE '!')`, []any{"%@" + escapeLike(s.Name), "%." + escapeLike(s.Name)}
}

// Expire implements complaint.Rows.
func (c Complaints) Expire(ctx context.Context, before time.Time) error {
	for _, text := range []string{
		`DELETE FROM complaint WHERE id IN (SELECT id FROM complaint WHERE time < ? ORDER BY time LIMIT ?)`,
		`DELETE FROM complaint_subject WHERE (kind, name) IN (SELECT kind, name FROM complaint_subject WHERE at < ? LIMIT ?)`,
	} {
		for n := int64(chunk); n == chunk; {
			err := c.db.Update(ctx, func(tx *Tx) error {
				done, err := tx.Exec(text, toMicros(before), chunk)
				if err == nil {
					n, err = done.RowsAffected()
				}
				return err
			})
			if err != nil {
				return fmt.Errorf("store: expire complaints: %w", err)
			}
		}
	}
	return nil
}
