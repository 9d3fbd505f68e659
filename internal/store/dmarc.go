package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"gatepost/internal/dmarc"
)

// DMARC keeps what came in domains' names, until it is reported, and what others report of
// ours.
type DMARC struct {
	periods
}

var (
	_ dmarc.Rows = DMARC{}
	_ dmarc.Sums = DMARC{}
)

// DMARC returns the store's counts and reports.
func (db *DB) DMARC() DMARC { return DMARC{periods{db, "dmarc_domain", []string{"dmarc_seen"}}} }

// AddSeen implements dmarc.Rows.
func (d DMARC) AddSeen(ctx context.Context, counts []dmarc.Count, sums []dmarc.Sum) error {
	// In one order, so that nodes wait for each other and never in a circle.
	slices.SortFunc(counts, func(a, b dmarc.Count) int { return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Domain, b.Domain)) })
	err := d.db.Update(ctx, func(tx *Tx) error {
		for i := range counts {
			if err := d.addSeen(tx, &counts[i]); err != nil {
				return err
			}
		}
		return addSums(tx, sums)
	})
	if err != nil {
		return fmt.Errorf("store: DMARC counts: %w", err)
	}
	return nil
}

// seenRow is a row as it is kept.
type seenRow struct {
	id, body string
	messages int64
}

func (d DMARC) addSeen(tx *Tx, c *dmarc.Count) error {
	if err := d.add(tx, c.Period, c.Due); err != nil {
		return err
	}
	rows := make([]seenRow, len(c.Rows))
	for i, r := range c.Rows {
		body, err := json.Marshal(&r.Row)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		rows[i] = seenRow{hex.EncodeToString(sum[:16]), string(body), r.Messages}
	}
	slices.SortFunc(rows, func(a, b seenRow) int { return cmp.Compare(a.id, b.id) })
	for _, r := range rows {
		_, err := tx.Exec(`INSERT INTO dmarc_seen (day, domain, id, body, messages) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (day, domain, id) DO UPDATE SET messages = dmarc_seen.messages + excluded.messages`, string(c.Day), c.Domain, r.id, r.body, r.messages)
		if err != nil {
			return err
		}
	}
	return nil
}

// addSums adds to what is known of our domains.
func addSums(tx *Tx, sums []dmarc.Sum) error {
	sums = slices.Clone(sums)
	slices.SortFunc(sums, func(a, b dmarc.Sum) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Day, b.Day), cmp.Compare(a.Reporter, b.Reporter), cmp.Compare(networkText(a.Network), networkText(b.Network)))
	})
	rooms := map[[3]string]int{}
	for _, s := range sums {
		place := [3]string{s.Domain, string(s.Day), s.Reporter}
		if _, ok := rooms[place]; !ok {
			var err error
			if rooms[place], err = roomFor(tx, &s); err != nil {
				return err
			}
		}
		if rooms[place]--; rooms[place] < 0 {
			var known int
			err := tx.Row(`SELECT COUNT(*) FROM dmarc_sum WHERE domain = ? AND day = ? AND reporter = ? AND network = ?`,
				[]any{s.Domain, string(s.Day), s.Reporter, networkText(s.Network)}, &known)
			if err != nil {
				return err
			}
			if known == 0 {
				s.Network = netip.Prefix{}
			}
		}
		_, err := tx.Exec(`INSERT INTO dmarc_sum (domain, day, reporter, network, messages, passed, dkim, spf, acted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (domain, day, reporter, network) DO UPDATE SET messages = dmarc_sum.messages + excluded.messages, passed = dmarc_sum.passed + excluded.passed,
			dkim = dmarc_sum.dkim + excluded.dkim, spf = dmarc_sum.spf + excluded.spf, acted = dmarc_sum.acted + excluded.acted`,
			s.Domain, string(s.Day), s.Reporter, networkText(s.Network), s.Messages, s.Passed, s.DKIM, s.SPF, s.Acted)
		if err != nil {
			return err
		}
	}
	return nil
}

// roomFor is how many networks may come to those of a sum's reporter and day.
func roomFor(tx *Tx, s *dmarc.Sum) (int, error) {
	var all, ones int
	if err := tx.Row(`SELECT COUNT(*) FROM dmarc_sum WHERE domain = ? AND day = ?`, []any{s.Domain, string(s.Day)}, &all); err != nil {
		return 0, err
	}
	err := tx.Row(`SELECT COUNT(*) FROM dmarc_sum WHERE domain = ? AND day = ? AND reporter = ?`, []any{s.Domain, string(s.Day), s.Reporter}, &ones)
	return min(maxNetworks-all, maxOnesNetworks-ones), err
}

func networkText(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return p.String()
}

// SeenDomains implements dmarc.Rows.
func (d DMARC) SeenDomains(ctx context.Context, day dmarc.Day) ([]string, error) {
	return d.domains(ctx, day)
}

// Seen implements dmarc.Rows. What can't be read any more is left out.
func (d DMARC) Seen(ctx context.Context, p dmarc.Period, limit int) (list []dmarc.RowCount, err error) {
	err = d.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(`SELECT body, messages FROM dmarc_seen WHERE day = ? AND domain = ? ORDER BY messages DESC, id LIMIT ?`, string(p.Day), p.Domain, limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var c dmarc.RowCount
			var body string
			if err := rows.Scan(&body, &c.Messages); err != nil {
				return err
			}
			if json.Unmarshal([]byte(body), &c.Row) == nil {
				list = append(list, c)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: DMARC counts of %s: %w", p.Domain, err)
	}
	return list, nil
}
