package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"strings"

	"gatepost/quarantine"
)

const heldColumns = `id, tx, recipient, box, domain, sender, client, subject, filter, reason, score, blob, prefix, skip, size, time, expires, state,
	author, proof, guarded, asked, told, same`

// Find implements quarantine.Reader. A page costs the same wherever it begins:
// the cursor is a place in the index that the rows come from.
func (q Quarantine) Find(ctx context.Context, query quarantine.Query) (page quarantine.Page, err error) {
	w := heldWhere(query)
	limit := query.Limit
	if limit <= 0 || limit > quarantine.MaxPage {
		limit = quarantine.MaxPage
	}
	err = q.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(`SELECT `+heldColumns+` FROM held`+w.String()+` ORDER BY time DESC, id DESC LIMIT ?`, append(w.args, limit)...)
		return each(rows, err, func(rows *sql.Rows) error {
			h, err := scanHeld(rows)
			page.Rows = append(page.Rows, h)
			return err
		})
	})
	if err != nil {
		return quarantine.Page{}, fmt.Errorf("store: find held messages: %w", err)
	}
	if n := len(page.Rows); n == limit {
		page.More, page.Next = true, page.Rows[n-1].Cursor()
	}
	return page, nil
}

func heldWhere(q quarantine.Query) (w where) {
	w.addIf(q.Recipient != "", `recipient_fold = ?`, q.Recipient.Fold())
	w.addIf(q.Box != 0, `box = ?`, q.Box)
	w.addIf(q.Domain != "", `domain = ?`, q.Domain)
	w.addIf(len(q.Domains) > 0, `domain IN (`+marks(len(q.Domains))+`)`, anys(q.Domains)...)
	w.addIf(q.Tx != "", `tx = ?`, q.Tx)
	w.addIf(q.Asked, `asked > 0`)
	text := containing(q.Text)
	w.addIf(q.Text != "", `(subject_fold LIKE ? ESCAPE '!' OR sender_fold LIKE ? ESCAPE '!' OR author_fold LIKE ? ESCAPE '!')`, text, text, text)
	w.addIf(q.Sender != "", `sender_fold = ?`, q.Sender.Fold())
	w.addIf(q.Subject != "", `subject_fold LIKE ? ESCAPE '!'`, containing(q.Subject))
	w.addIf(q.Client.IsValid(), `client = ?`, q.Client.String())
	w.addIf(q.Filter != "", `filter = ?`, q.Filter)
	w.addIf(q.Reason != "", `reason_fold LIKE ? ESCAPE '!'`, containing(q.Reason))
	w.addIf(q.State != "", `state = ?`, q.State)
	w.addIf(!q.Since.IsZero(), `time >= ?`, toMicros(q.Since))
	w.addIf(!q.Until.IsZero(), `time < ?`, toMicros(q.Until))
	w.addIf(q.After.ID != "", `(time, id) < (?, ?)`, toMicros(q.After.Time), q.After.ID)
	return w
}

// containing is the LIKE pattern of texts, in lower case, that contain s.
func containing(s string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(strings.ToLower(s)) + "%"
}

// Show implements quarantine.Reader.
func (q Quarantine) Show(ctx context.Context, id string) (h quarantine.Held, err error) {
	err = q.db.View(ctx, func(tx *Tx) (err error) {
		if h, err = showHeld(tx, id); err == nil {
			h.Ways, err = heldWays(tx, id)
		}
		return err
	})
	if err != nil {
		return quarantine.Held{}, fmt.Errorf("store: held message %s: %w", id, err)
	}
	return h, nil
}

func showHeld(tx *Tx, id string) (h quarantine.Held, err error) {
	rows, err := tx.Query(`SELECT `+heldColumns+` FROM held WHERE id = ?`, id)
	err = each(rows, err, func(rows *sql.Rows) (err error) {
		h, err = scanHeld(rows)
		return err
	})
	if err == nil && h.ID == "" {
		err = quarantine.ErrUnknown
	}
	if err != nil {
		return quarantine.Held{}, err
	}
	rows, err = tx.Query(`SELECT who, what, time FROM held_act WHERE held = ? ORDER BY seq`, id)
	err = each(rows, err, func(rows *sql.Rows) error {
		var a quarantine.Act
		var when int64
		err := rows.Scan(&a.Who, &a.What, &when)
		a.When = fromMicros(when)
		h.Acts = append(h.Acts, a)
		return err
	})
	return h, err
}

func scanHeld(rows *sql.Rows) (h quarantine.Held, err error) {
	var client string
	var when, expires, asked int64
	err = rows.Scan(&h.ID, &h.Tx, &h.Recipient, &h.Box, &h.Domain, &h.Sender, &client, &h.Subject, &h.Filter, &h.Reason, &h.Score,
		&h.Blob, &h.View.Prefix, &h.View.Skip, &h.Size, &when, &expires, &h.State,
		&h.Author, &h.Proof, &h.Guarded, &asked, &h.Told, &h.Same)
	h.Time, h.Expires = fromMicros(when), fromMicros(expires)
	if asked > 0 {
		h.Asked = fromMicros(asked)
	}
	if len(h.View.Prefix) == 0 {
		h.View.Prefix = nil
	}
	if err == nil && client != "" {
		h.Client, err = netip.ParseAddr(client)
	}
	return h, err
}

// marks is n placeholders.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// anys is list as arguments.
func anys[T any](list []T) []any {
	args := make([]any, len(list))
	for i, v := range list {
		args[i] = v
	}
	return args
}
