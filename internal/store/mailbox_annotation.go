package store

import (
	"context"
	"database/sql"
	"fmt"

	"gatepost/mailbox"
)

// Annotations implements mailbox.Annotations.
func (m Mailboxes) Annotations(ctx context.Context, reader, folder int64) (all []mailbox.Annotation, err error) {
	err = m.db.View(ctx, func(tx *Tx) error {
		all = nil
		rows, err := tx.Query(`SELECT entry, value FROM mailbox_annotation WHERE folder = ? AND reader IN (0, ?) ORDER BY entry`, folder, reader)
		return each(rows, err, func(rows *sql.Rows) error {
			var a mailbox.Annotation
			err := rows.Scan(&a.Entry, &a.Value)
			a.Value = notNil(a.Value)
			all = append(all, a)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: annotations of folder %d: %w", folder, err)
	}
	return all, nil
}

// Annotate implements mailbox.Annotations.
func (m Mailboxes) Annotate(ctx context.Context, reader, folder int64, list []mailbox.Annotation) error {
	err := m.db.Update(ctx, func(tx *Tx) error { return annotate(tx, reader, folder, list) })
	if err != nil {
		return fmt.Errorf("store: annotate folder %d: %w", folder, err)
	}
	return nil
}

func annotate(tx *Tx, reader, folder int64, list []mailbox.Annotation) error {
	// The reader's box is locked so that two of his sessions count one after the other;
	// shared ones are bounded by a count that may be passed by as many as write at once.
	if err := lockBox(tx, reader); err != nil {
		return err
	}
	if folder != 0 {
		if _, _, err := boxAndUse(tx, folder); err != nil {
			return err
		}
	}
	for _, a := range list {
		whose := int64(0)
		if a.Private() {
			whose = reader
		}
		if err := putAnnotation(tx, whose, folder, a); err != nil {
			return fmt.Errorf("%s: %w", a.Entry, err)
		}
	}
	var shared, private, all int
	err := tx.Row(`SELECT COUNT(CASE WHEN folder = ? AND reader = 0 THEN 1 END), COUNT(CASE WHEN folder = ? AND reader = ? THEN 1 END), COUNT(CASE WHEN reader = ? THEN 1 END)
		FROM mailbox_annotation WHERE reader = ? OR (folder = ? AND reader = 0)`, []any{folder, folder, reader, reader, reader, folder}, &shared, &private, &all)
	if err == nil && (shared > mailbox.MaxAnnotations || private > mailbox.MaxAnnotations || all > mailbox.MaxAnnotationsSide) {
		err = mailbox.ErrAnnotations
	}
	return err
}

func putAnnotation(tx *Tx, reader, folder int64, a mailbox.Annotation) error {
	if len(a.Value) > mailbox.MaxAnnotation {
		return mailbox.ErrAnnotationSize
	}
	if a.Value == nil {
		_, err := tx.Exec(`DELETE FROM mailbox_annotation WHERE folder = ? AND reader = ? AND entry = ?`, folder, reader, a.Entry)
		return err
	}
	_, err := tx.Exec(`INSERT INTO mailbox_annotation (folder, reader, entry, value) VALUES (?, ?, ?, ?) ON CONFLICT (folder, reader, entry) DO UPDATE SET value = excluded.value`,
		folder, reader, a.Entry, a.Value)
	return err
}
