package store

import (
	"database/sql"
	"fmt"
	"net/netip"
	"strings"

	"gatepost/internal/directory"
	"gatepost/internal/mail"
)

// putSender writes a sender. Its off is 1, and 2 where it is barred, which releases that don't know that read as off.
func (w *directoryWriter) putSender(s *directory.Sender) error {
	networks := make([]string, len(s.Networks))
	for i, p := range s.Networks {
		networks[i] = p.String()
	}
	_, err := w.tx.Exec(`INSERT INTO sender (name, id, also, scram, cert_keys, networks, off, created, revision, gone) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
		ON CONFLICT (name) DO UPDATE SET id = excluded.id, also = excluded.also, scram = excluded.scram, cert_keys = excluded.cert_keys,
		networks = excluded.networks, off = excluded.off, created = excluded.created, revision = excluded.revision, gone = 0`,
		s.Name, w.given(s.ID), strings.Join(s.Also, "\n"), s.SCRAM, strings.Join(s.Keys, "\n"), strings.Join(networks, "\n"), number(s.Off)+number(s.Barred), toMicros(s.Created), w.revision)
	return err
}

// removeSender leaves a row that says so: of a kind that they don't know older releases could not
// read what directory_gone says. What was counted of it goes.
func (w *directoryWriter) removeSender(name mail.Path) error {
	var id int64
	if err := w.tx.Row(`UPDATE sender SET gone = 1, scram = '', cert_keys = '', networks = '', revision = ? WHERE name = ? RETURNING id`, []any{w.revision, name}, &id); err != nil {
		return err
	}
	for _, query := range []string{`DELETE FROM submission_stop WHERE box = ?`, `DELETE FROM submission_count WHERE box = ?`} {
		if _, err := w.tx.Exec(query, id); err != nil {
			return err
		}
	}
	_, err := w.tx.Exec(`DELETE FROM submission_limit WHERE owner = ?`, fmt.Sprintf("m%d", id))
	return err
}

func scanSender(rows *sql.Rows) (directory.Change, error) {
	var s directory.Sender
	var off, created, gone int64
	var also, keys, networks string
	if err := rows.Scan(&s.Name, &s.ID, &also, &s.SCRAM, &keys, &networks, &off, &created, &gone); err != nil {
		return directory.Change{}, err
	}
	s.Also, s.Keys, s.Off, s.Barred, s.Created = lines(also), lines(keys), off != 0, off == 2, fromMicros(created)
	for _, text := range lines(networks) {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return directory.Change{}, fmt.Errorf("sender %s: %w", s.Name, err)
		}
		s.Networks = append(s.Networks, p)
	}
	return directory.Change{Sender: &s, Gone: gone != 0}, nil
}
