package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"gatepost/mailbox"
)

// usageDrift is, domain by domain and shard by shard, what is there without what is counted. Both change
// in the same commits, so that one statement sees them agree whatever goes on.
const usageDrift = `SELECT domain, shard, CAST(SUM(messages) AS BIGINT), CAST(SUM(bytes) AS BIGINT) FROM (
	SELECT h.domain AS domain, b.box % 16 AS shard, b.messages AS messages, b.bytes AS bytes FROM mailbox_home h JOIN mailbox_box b ON b.box = h.box
	UNION ALL SELECT domain, shard, -messages, -bytes FROM mailbox_usage) AS both_sides`

const (
	drifts   = usageDrift + ` GROUP BY domain, shard HAVING SUM(messages) <> 0 OR SUM(bytes) <> 0`
	driftsOf = usageDrift + ` WHERE domain = ? GROUP BY domain, shard HAVING SUM(messages) <> 0 OR SUM(bytes) <> 0`
)

// RecountDomains mends what domains' mailboxes are said to take up together, and returns by how
// much each was wrong, by its number: a program of before these sums does not keep them. What
// is left of removed domains goes. It reads a row of each box, and is to be called once a day.
func (m Mailboxes) RecountDomains(ctx context.Context) (wrong map[int64]mailbox.Usage, err error) {
	wrong = map[int64]mailbox.Usage{}
	if err := m.homes(ctx); err != nil {
		return nil, fmt.Errorf("store: homes of boxes: %w", err)
	}
	var all map[usageKey]mailbox.Usage
	err = m.db.View(ctx, func(tx *Tx) (err error) {
		all, err = driftsIn(tx, drifts)
		return err
	})
	domains := map[int64]bool{}
	for k := range all {
		domains[k.domain] = true
	}
	for _, domain := range slices.Sorted(maps.Keys(domains)) {
		var off mailbox.Usage
		if err == nil {
			err = m.db.Update(ctx, func(tx *Tx) (err error) {
				off, err = recount(tx, domain)
				return err
			})
		}
		if err == nil && off != (mailbox.Usage{}) {
			wrong[domain] = off
		}
	}
	if err == nil {
		err = m.db.Update(ctx, func(tx *Tx) error {
			_, err := tx.Exec(`DELETE FROM mailbox_usage WHERE messages = 0 AND bytes = 0 AND NOT EXISTS (SELECT 1 FROM domain d WHERE d.id = mailbox_usage.domain)
				AND NOT EXISTS (SELECT 1 FROM mailbox_home h WHERE h.domain = mailbox_usage.domain)`)
			return err
		})
	}
	if err != nil {
		return wrong, fmt.Errorf("store: recount domains: %w", err)
	}
	return wrong, nil
}

// homes notes the domains of boxes where that was not done, and forgets those of boxes that are gone.
func (m Mailboxes) homes(ctx context.Context) error {
	missing, gone := 0, 0
	err := m.db.View(ctx, func(tx *Tx) error {
		if err := tx.Row(`SELECT COUNT(*) FROM mailbox_box b WHERE EXISTS (SELECT 1 FROM mailbox a WHERE a.id = b.box) AND NOT EXISTS (SELECT 1 FROM mailbox_home h WHERE h.box = b.box)`, nil, &missing); err != nil {
			return err
		}
		return tx.Row(`SELECT COUNT(*) FROM mailbox_home h WHERE NOT EXISTS (SELECT 1 FROM mailbox_box b WHERE b.box = h.box)`, nil, &gone)
	})
	if missing+gone == 0 || err != nil {
		return err
	}
	return m.db.Update(ctx, func(tx *Tx) error {
		boxes, err := tx.numbers(`SELECT box FROM mailbox_box b WHERE EXISTS (SELECT 1 FROM mailbox a WHERE a.id = b.box) AND NOT EXISTS (SELECT 1 FROM mailbox_home h WHERE h.box = b.box) ORDER BY box`)
		if err != nil {
			return err
		}
		for _, box := range boxes {
			if err := lockBox(tx, box); err != nil { // its counters stand still until it has a home
				return err
			}
			if _, err := tx.Exec(putHome, box); err != nil {
				return err
			}
		}
		_, err = tx.Exec(`DELETE FROM mailbox_home WHERE NOT EXISTS (SELECT 1 FROM mailbox_box b WHERE b.box = mailbox_home.box)`)
		return err
	})
}

func driftsIn(tx *Tx, query string, args ...any) (map[usageKey]mailbox.Usage, error) {
	all := map[usageKey]mailbox.Usage{}
	rows, err := tx.Query(query, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var k usageKey
		var n mailbox.Usage
		err := rows.Scan(&k.domain, &k.shard, &n.Messages, &n.Bytes)
		all[k] = n
		return err
	})
	return all, err
}

// recount mends a domain's rows, and returns how much was missing in all of them. They are locked
// before they are compared, so that two nodes don't both mend them.
func recount(tx *Tx, domain int64) (off mailbox.Usage, err error) {
	if err := tx.lock(`SELECT shard FROM mailbox_usage WHERE domain = ? ORDER BY shard`, domain); err != nil {
		return off, err
	}
	all, err := driftsIn(tx, driftsOf, domain)
	for k, n := range all {
		tx.used(domain, k.shard, n)
		off = mailbox.Usage{Messages: off.Messages + n.Messages, Bytes: off.Bytes + n.Bytes}
	}
	return off, err
}
