package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Arrivals finds what a transaction brought.
type Arrivals struct{ db *DB }

// Arrivals returns what came, by transaction.
func (db *DB) Arrivals() Arrivals { return Arrivals{db} }

const (
	// arrivesBefore and arrivesWithin are from when on and until when, seen from a transaction, its messages
	// arrive in mailboxes.
	arrivesBefore = 15 * time.Minute
	arrivesWithin = 2 * time.Hour
	// maxArrived bounds the messages of one mailbox that are looked through.
	maxArrived = 2000
)

// Of returns the content that a transaction brought, by its blob's name; "": there is none any
// more. It is looked for among what is held and what is carried on, and then in boxes, among what arrived
// about when the transaction was, whose prefix names it.
func (a Arrivals) Of(ctx context.Context, id string, when time.Time, boxes []int64) (blob string, err error) {
	err = a.db.View(ctx, func(tx *Tx) error {
		for _, text := range [...]string{`SELECT blob FROM held WHERE tx = ? AND blob <> '' LIMIT 1`, `SELECT blob FROM queue_message WHERE tx = ? AND blob <> '' LIMIT 1`} {
			rows, err := tx.Query(text, id)
			err = each(rows, err, func(rows *sql.Rows) error { return rows.Scan(&blob) })
			if err != nil || blob != "" {
				return err
			}
		}
		for _, box := range boxes {
			if blob, err = arrived(tx, box, id, when); err != nil || blob != "" {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("store: content of %s: %w", id, err)
	}
	return blob, nil
}

func arrived(tx *Tx, box int64, id string, when time.Time) (blob string, err error) {
	field := []byte("\nX-Gatepost-Id: " + id + "\r\n")
	rows, err := tx.Query(`SELECT e.blob, e.prefix FROM mailbox_folder f JOIN mailbox_message m ON m.folder = f.id JOIN mailbox_email e ON e.box = f.box AND e.id = m.email
		WHERE f.box = ? AND m.internal_date BETWEEN ? AND ? ORDER BY m.internal_date LIMIT ?`, box, toMicros(when.Add(-arrivesBefore)), toMicros(when.Add(arrivesWithin)), maxArrived)
	err = each(rows, err, func(rows *sql.Rows) error {
		var name string
		var prefix []byte
		if err := rows.Scan(&name, &prefix); err != nil {
			return err
		}
		if bytes.Contains(append([]byte("\n"), prefix...), field) {
			blob = name
		}
		return nil
	})
	return blob, err
}
