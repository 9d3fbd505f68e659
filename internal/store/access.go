package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"gatepost/internal/access"
)

// Access keeps sessions of the pages and second factors.
type Access struct{ db *DB }

var _ access.Rows = Access{}

// Access returns the store's sessions and second factors.
func (db *DB) Access() Access { return Access{db} }

const sessionColumns = `id, kind, person, mark, waiting, created, seen, expires, client, agent, stays, support`

// PutSession implements access.SessionRows.
func (a Access) PutSession(ctx context.Context, s access.Session, most int) error {
	return a.update(ctx, "session", func(tx *Tx) error {
		if err := putSession(tx, s); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM web_session WHERE kind = ? AND person = ? AND id IN
			(SELECT id FROM web_session WHERE kind = ? AND person = ? AND support = 0 ORDER BY seen DESC, id LIMIT 1000 OFFSET ?)`,
			string(s.Who.Kind), s.Who.Number, string(s.Who.Kind), s.Who.Number, most)
		return err
	})
}

func putSession(tx *Tx, s access.Session) error {
	_, err := tx.Exec(`INSERT INTO web_session (`+sessionColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		s.ID, string(s.Who.Kind), s.Who.Number, s.Mark, number(s.Waiting || s.Support), toMicros(s.Created), toMicros(s.Seen), toMicros(s.Expires),
		addrText(s.Client), s.Agent, number(s.Stays), supportOf(s))
	return err
}

// Session implements access.SessionRows.
func (a Access) Session(ctx context.Context, id string) (s access.Session, err error) {
	err = a.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(`SELECT `+sessionColumns+` FROM web_session WHERE id = ?`, id)
		found := false
		err = each(rows, err, func(rows *sql.Rows) error {
			found = true
			return scanSession(rows, &s)
		})
		if err == nil && !found {
			err = access.ErrNoSession
		}
		return err
	})
	if err != nil && !errors.Is(err, access.ErrNoSession) {
		err = fmt.Errorf("store: session: %w", err)
	}
	return s, err
}

func scanSession(rows *sql.Rows, s *access.Session) error {
	var waiting, created, seen, expires, stays, support int64
	var client string
	if err := rows.Scan(&s.ID, &s.Who.Kind, &s.Who.Number, &s.Mark, &waiting, &created, &seen, &expires, &client, &s.Agent, &stays, &support); err != nil {
		return err
	}
	s.Waiting, s.Stays, s.Created, s.Seen, s.Expires = waiting != 0 && support != supportUsed, stays != 0, fromMicros(created), fromMicros(seen), fromMicros(expires)
	s.Support = support != supportNone
	if client != "" {
		addr, err := netip.ParseAddr(client)
		if err != nil {
			return fmt.Errorf("client: %w", err)
		}
		s.Client = addr
	}
	return nil
}

// addrText is "" where there is no address.
func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// TouchSession implements access.SessionRows.
func (a Access) TouchSession(ctx context.Context, id string, seen time.Time, client netip.Addr, agent string) error {
	return a.update(ctx, "session", func(tx *Tx) error {
		_, err := tx.Exec(`UPDATE web_session SET seen = ?, client = ?, agent = ? WHERE id = ?`, toMicros(seen), addrText(client), agent, id)
		return err
	})
}

// Sessions implements access.SessionRows.
func (a Access) Sessions(ctx context.Context, who access.ID) (list []access.Session, err error) {
	err = a.db.View(ctx, func(tx *Tx) error {
		rows, err := tx.Query(`SELECT `+sessionColumns+` FROM web_session WHERE kind = ? AND person = ? ORDER BY seen DESC, id`, string(who.Kind), who.Number)
		return each(rows, err, func(rows *sql.Rows) error {
			var s access.Session
			err := scanSession(rows, &s)
			list = append(list, s)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: sessions: %w", err)
	}
	return list, nil
}

// DropSession implements access.SessionRows.
func (a Access) DropSession(ctx context.Context, who access.ID, id string, end access.End) error {
	return a.update(ctx, "end session", func(tx *Tx) error {
		_, err := dropSessions(tx, end, `id = ? AND kind = ? AND person = ?`, id, string(who.Kind), who.Number)
		return err
	})
}

// DropSessions implements access.SessionRows.
func (a Access) DropSessions(ctx context.Context, who access.ID, but string, end access.End) (n int, err error) {
	err = a.update(ctx, "end sessions", func(tx *Tx) error {
		n, err = dropSessions(tx, end, `kind = ? AND person = ? AND id <> ?`, string(who.Kind), who.Number, but)
		return err
	})
	return n, err
}

func affected(done sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := done.RowsAffected()
	return int(n), err
}

// ExpireSessions implements access.SessionRows. It removes what belonged to persons who
// are gone, too.
func (a Access) ExpireSessions(ctx context.Context, now, idle, stayIdle time.Time) error {
	return a.update(ctx, "expire sessions", func(tx *Tx) error {
		if _, err := dropSessions(tx, access.End{By: access.TheNode, At: now}, `expires <= ? OR seen <= ? AND (stays = 0 OR seen <= ?) OR created > ?`,
			toMicros(now), toMicros(idle), toMicros(stayIdle), toMicros(now.Add(access.Ahead))); err != nil {
			return err
		}
		for _, text := range [...]string{
			`DELETE FROM web_factor WHERE kind = 'mailbox' AND person NOT IN (SELECT id FROM mailbox) OR kind = 'admin' AND person NOT IN (SELECT id FROM admin)`,
			`DELETE FROM web_recovery WHERE kind = 'mailbox' AND person NOT IN (SELECT id FROM mailbox) OR kind = 'admin' AND person NOT IN (SELECT id FROM admin)`,
		} {
			if _, err := tx.Exec(text); err != nil {
				return err
			}
		}
		return nil
	})
}

// Factor implements access.FactorRows.
func (a Access) Factor(ctx context.Context, who access.ID) (f access.Factor, err error) {
	err = a.db.View(ctx, func(tx *Tx) error {
		var confirmed, since int64
		err := tx.Row(`SELECT secret, confirmed, step, since FROM web_factor WHERE kind = ? AND person = ?`, []any{string(who.Kind), who.Number},
			&f.Sealed, &confirmed, &f.Step, &since)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		f.Confirmed, f.Since = confirmed != 0, fromMicros(since)
		return tx.Row(`SELECT COUNT(*) FROM web_recovery WHERE kind = ? AND person = ?`, []any{string(who.Kind), who.Number}, &f.Codes)
	})
	if err != nil {
		return access.Factor{}, fmt.Errorf("store: second factor: %w", err)
	}
	return f, nil
}

// PutFactor implements access.FactorRows.
func (a Access) PutFactor(ctx context.Context, who access.ID, sealed []byte, since time.Time) error {
	return a.update(ctx, "second factor", func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO web_factor (kind, person, secret, confirmed, step, since) VALUES (?, ?, ?, 0, 0, ?)
			ON CONFLICT (kind, person) DO UPDATE SET secret = excluded.secret, since = excluded.since WHERE web_factor.confirmed = 0`,
			string(who.Kind), who.Number, sealed, toMicros(since))
		return err
	})
}

// ConfirmFactor implements access.FactorRows.
func (a Access) ConfirmFactor(ctx context.Context, who access.ID, sealed []byte, step int64, since time.Time, codes []string) error {
	return a.update(ctx, "second factor", func(tx *Tx) error {
		done, err := tx.Exec(`UPDATE web_factor SET since = CASE WHEN confirmed = 1 THEN since ELSE ? END, confirmed = 1, secret = ?,
			step = CASE WHEN step > ? THEN step ELSE ? END WHERE kind = ? AND person = ?`,
			toMicros(since), sealed, step, step, string(who.Kind), who.Number)
		if n, err := affected(done, err); err != nil || n == 0 {
			return errors.Join(err, noFactor(n))
		}
		if _, err := tx.Exec(`DELETE FROM web_recovery WHERE kind = ? AND person = ?`, string(who.Kind), who.Number); err != nil {
			return err
		}
		for _, code := range codes {
			if _, err := tx.Exec(`INSERT INTO web_recovery (kind, person, code) VALUES (?, ?, ?)`, string(who.Kind), who.Number, code); err != nil {
				return err
			}
		}
		return nil
	})
}

func noFactor(n int) error {
	if n == 0 {
		return access.ErrNoFactor
	}
	return nil
}

// UseStep implements access.FactorRows.
func (a Access) UseStep(ctx context.Context, who access.ID, step int64) (bool, error) {
	n := 0
	err := a.update(ctx, "second factor", func(tx *Tx) error {
		done, err := tx.Exec(`UPDATE web_factor SET step = ? WHERE kind = ? AND person = ? AND confirmed = 1 AND step < ?`, step, string(who.Kind), who.Number, step)
		n, err = affected(done, err)
		return err
	})
	return n == 1, err
}

// UseCode implements access.FactorRows.
func (a Access) UseCode(ctx context.Context, who access.ID, code string) (bool, error) {
	n := 0
	err := a.update(ctx, "recovery code", func(tx *Tx) error {
		done, err := tx.Exec(`DELETE FROM web_recovery WHERE kind = ? AND person = ? AND code = ?`, string(who.Kind), who.Number, code)
		n, err = affected(done, err)
		return err
	})
	return n == 1, err
}

// DropFactor implements access.FactorRows.
func (a Access) DropFactor(ctx context.Context, who access.ID) error {
	return a.update(ctx, "second factor", func(tx *Tx) error {
		for _, text := range [...]string{`DELETE FROM web_factor WHERE kind = ? AND person = ?`, `DELETE FROM web_recovery WHERE kind = ? AND person = ?`} {
			if _, err := tx.Exec(text, string(who.Kind), who.Number); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a Access) update(ctx context.Context, what string, f func(*Tx) error) error {
	if err := a.db.Update(ctx, f); err != nil {
		return fmt.Errorf("store: %s: %w", what, err)
	}
	return nil
}
