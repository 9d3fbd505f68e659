package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"gatepost/internal/queue"
	"gatepost/internal/sent"
)

// Sent keeps the Message-IDs of what this system sent.
type Sent struct{ db *DB }

var _ sent.Rows = Sent{}

// Sent returns the store's ledger.
func (db *DB) Sent() Sent { return Sent{db} }

// sentMarks are what a transaction puts into the ledger, near its end and in order: see
// lessons.
type sentMarks []sentMark

type sentMark struct {
	day  sent.Day
	mark []byte
}

// mark puts a message that is queued into the ledger, with the commit.
func (t *Tx) mark(m *queue.Message) {
	if len(m.Mark) > 0 {
		t.marked = append(t.marked, sentMark{sent.DayOf(m.Created), m.Mark})
	}
}

func (l sentMarks) write(tx *Tx) error {
	if len(l) > 1 {
		slices.SortFunc(l, func(a, b sentMark) int { return cmp.Or(cmp.Compare(a.day, b.day), bytes.Compare(a.mark, b.mark)) })
	}
	for i, m := range l {
		if i > 0 && m.day == l[i-1].day && bytes.Equal(m.mark, l[i-1].mark) {
			continue
		}
		if _, err := tx.Exec(`INSERT INTO sent (day, mark) VALUES (?, ?) ON CONFLICT (day, mark) DO NOTHING`, int64(m.day), m.mark); err != nil {
			return fmt.Errorf("ledger of what was sent: %w", err)
		}
	}
	return nil
}

// Days that one statement looks through: a month and a bit.
const sentDays = 33

// Known implements sent.Rows: one search by primary key for each mark and day.
func (s Sent) Known(ctx context.Context, list []sent.Mark, first, last sent.Day) (known []sent.Mark, err error) {
	err = s.db.View(ctx, func(tx *Tx) error {
		known = nil
		for day := first; day <= last; day += sentDays {
			var args []any
			for i := range sent.Day(sentDays) { // the text is the same for fewer
				args = append(args, int64(min(day+i, last)))
			}
			for i := range sent.MaxRefs {
				args = append(args, list[min(i, len(list)-1)][:])
			}
			rows, err := tx.Query(`SELECT mark FROM sent WHERE day IN (`+marks(sentDays)+`) AND mark IN (`+marks(sent.MaxRefs)+`)`, args...)
			err = each(rows, err, func(rows *sql.Rows) error {
				var b []byte
				err := rows.Scan(&b)
				if len(b) == len(sent.Mark{}) {
					known = append(known, sent.Mark(b))
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: look up what was sent: %w", err)
	}
	return known, nil
}

// Purge implements sent.Rows.
func (s Sent) Purge(ctx context.Context, before sent.Day, limit int) (n int, err error) {
	err = s.db.Update(ctx, func(tx *Tx) error {
		done, err := tx.Exec(`DELETE FROM sent WHERE (day, mark) IN (SELECT day, mark FROM sent WHERE day < ? ORDER BY day, mark LIMIT ?)`, int64(before), limit)
		if err != nil {
			return err
		}
		gone, err := done.RowsAffected()
		n = int(gone)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store: purge what was sent: %w", err)
	}
	return n, nil
}
