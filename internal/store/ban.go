package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gatepost/internal/ban"
)

// Bans keeps who is kept out.
type Bans struct{ db *DB }

var _ ban.Rows = Bans{}

// Bans returns the store's bans.
func (db *DB) Bans() Bans { return Bans{db} }

const banColumns = `id, network, cause, note, who, step, imposed, ends, hits, last_hit, lifted, lifted_by, reason, revision`

// nextBanRevision takes the revision for a change. Its row is locked from here on, so
// changes come one after the other, and their revisions are seen in order.
func nextBanRevision(tx *Tx) (revision int64, err error) {
	err = tx.Row(`UPDATE ban_counter SET value = value + 1 WHERE name = 'revision' RETURNING value`, nil, &revision)
	return revision, err
}

// Impose implements ban.Writer.
func (b Bans) Impose(ctx context.Context, orders []ban.Order, l ban.Ladder) (list []ban.Ban, err error) {
	err = b.db.Update(ctx, func(tx *Tx) error {
		list = make([]ban.Ban, 0, len(orders))
		revision, err := nextBanRevision(tx)
		if err != nil {
			return err
		}
		for _, o := range orders {
			n, err := impose(tx, o, l, revision)
			if err != nil {
				return fmt.Errorf("%s: %w", o.Network, err)
			}
			list = append(list, n)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: impose bans: %w", err)
	}
	return list, nil
}

// impose makes one ban, unless there is one that stands and weighs as much. A ban that an admin lifted was a
// mistake: the next one is no longer for it.
func impose(tx *Tx, o ban.Order, l ban.Ladder, revision int64) (ban.Ban, error) {
	now := tx.now()
	last, err := banOf(tx, ` WHERE network = ? AND (lifted = 0 OR lifted_by = 'self') ORDER BY ended DESC, id DESC LIMIT 1`, o.Network.String())
	if err != nil && !errors.Is(err, ban.ErrNone) {
		return ban.Ban{}, err
	}
	stands := err == nil && last.Active(fromMicros(now))
	if stands && !o.Replace && !o.Cause.Outweighs(last.Cause) {
		return last, nil
	}
	n := ban.Ban{
		Network: o.Network, Cause: o.Cause, Note: o.Note, Who: o.Who, Step: 1, Imposed: fromMicros(now).Add(-o.Ago), Revision: revision,
	}
	if stands {
		l := ban.Lifting{Who: ban.ByNode, Reason: "replaced"}
		if _, err := liftBan(tx, last.ID, l, revision); err != nil {
			return ban.Ban{}, err
		}
	}
	if err == nil && endOf(last).Add(l.Memory).UnixMicro() > now {
		n.Step = min(last.Step+1, max(len(l.Rungs), 1))
	}
	n.Until = n.Imposed.Add(cmp.Or(o.For, l.Rung(n.Step)))
	if stands && !o.Replace && last.Until.After(n.Until) {
		n.Until = last.Until
	}
	return n, tx.Row(`INSERT INTO ban (network, cause, note, who, step, imposed, ends, ended, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		[]any{n.Network.String(), string(n.Cause), n.Note, n.Who, n.Step, toMicros(n.Imposed), toMicros(n.Until), toMicros(n.Until), revision}, &n.ID)
}

// endOf is when a ban ends, or did.
func endOf(n ban.Ban) time.Time {
	if n.Lifted.IsZero() {
		return n.Until
	}
	return n.Lifted
}

// banOf returns one ban, or ban.ErrNone.
func banOf(tx *Tx, where string, args ...any) (n ban.Ban, err error) {
	list, err := bansOf(tx, where, args...)
	if err == nil && len(list) == 0 {
		err = ban.ErrNone
	}
	if err != nil {
		return ban.Ban{}, err
	}
	return list[0], nil
}

func bansOf(tx *Tx, where string, args ...any) (list []ban.Ban, err error) {
	rows, err := tx.Query(`SELECT `+banColumns+` FROM ban`+where, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		n, err := scanBan(rows)
		list = append(list, n)
		return err
	})
	return list, err
}

func scanBan(rows *sql.Rows) (n ban.Ban, err error) {
	var network string
	var imposed, until, last, lifted int64
	err = rows.Scan(&n.ID, &network, &n.Cause, &n.Note, &n.Who, &n.Step, &imposed, &until, &n.Hits, &last, &lifted, &n.LiftedBy, &n.Reason, &n.Revision)
	if err != nil {
		return n, err
	}
	n.Imposed, n.Until, n.LastHit, n.Lifted = fromMicros(imposed), fromMicros(until), fromMicros(last), fromMicros(lifted)
	if n.Network, err = netip.ParsePrefix(network); err != nil {
		return n, fmt.Errorf("ban %d: %w", n.ID, err)
	}
	return n, nil
}

// Lift implements ban.Writer.
func (b Bans) Lift(ctx context.Context, id int64, l ban.Lifting) (n ban.Ban, err error) {
	err = b.db.Update(ctx, func(tx *Tx) error {
		revision, err := nextBanRevision(tx)
		if err != nil {
			return err
		}
		if l.Once > 0 {
			if err := notOften(tx, id, l); err != nil {
				return err
			}
		}
		n, err = liftBan(tx, id, l, revision)
		return err
	})
	if err != nil {
		return ban.Ban{}, fmt.Errorf("store: lift ban %d: %w", id, err)
	}
	return n, nil
}

// notOften fails with ban.ErrOften where who lifts did so for the network not long ago.
func notOften(tx *Tx, id int64, l ban.Lifting) error {
	var times int
	err := tx.Row(`SELECT COUNT(*) FROM ban WHERE network = (SELECT network FROM ban WHERE id = ?) AND lifted_by = ? AND lifted > ?`,
		[]any{id, l.Who, tx.now() - l.Once.Microseconds()}, &times)
	if err == nil && times > 0 {
		err = ban.ErrOften
	}
	return err
}

func liftBan(tx *Tx, id int64, l ban.Lifting, revision int64) (ban.Ban, error) {
	now := tx.now()
	done, err := tx.Exec(`UPDATE ban SET lifted = ?, ended = ?, lifted_by = ?, reason = ?, revision = ? WHERE id = ? AND lifted = 0 AND ended > ?`,
		now, now, l.Who, l.Reason, revision, id, now)
	n, err := affected(done, err)
	if err != nil {
		return ban.Ban{}, err
	}
	if n == 0 {
		return ban.Ban{}, ban.ErrNone
	}
	return banOf(tx, ` WHERE id = ?`, id)
}

// AddHits implements ban.Writer. It takes no revision: nobody follows counts.
func (b Bans) AddHits(ctx context.Context, hits []ban.Hits) error {
	hits = slices.SortedFunc(slices.Values(hits), func(a, b ban.Hits) int { return cmp.Compare(a.ID, b.ID) })
	err := b.db.Update(ctx, func(tx *Tx) error {
		// Who changes bans has this lock: the two don't meet in another order.
		if err := tx.lock(`SELECT value FROM ban_counter WHERE name = 'revision'`); err != nil {
			return err
		}
		for _, h := range hits {
			_, err := tx.Exec(`UPDATE ban SET hits = hits + ?, last_hit = CASE WHEN last_hit < ? THEN ? ELSE last_hit END WHERE id = ?`,
				h.Count, toMicros(h.Last), toMicros(h.Last), h.ID)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: hits of bans: %w", err)
	}
	return nil
}

// Load implements ban.Reader. Where nothing changed it reads one number.
func (b Bans) Load(ctx context.Context, since int64, hand func(ban.Ban) error) (s ban.State, err error) {
	err = b.db.View(ctx, func(tx *Tx) error {
		if err := tx.Row(`SELECT value FROM ban_counter WHERE name = 'revision'`, nil, &s.Revision); err != nil {
			return err
		}
		s.Now = fromMicros(tx.now())
		if s.Revision == since {
			return nil
		}
		text, args := ` WHERE revision > ? ORDER BY revision, id`, []any{since}
		if since == 0 {
			text, args = ` WHERE ended > ? AND lifted = 0 ORDER BY revision, id`, []any{toMicros(s.Now)}
		}
		rows, err := tx.Query(`SELECT `+banColumns+` FROM ban`+text, args...)
		return each(rows, err, func(rows *sql.Rows) error {
			n, err := scanBan(rows)
			if err != nil {
				return err
			}
			return hand(n)
		})
	})
	if err != nil {
		return ban.State{}, fmt.Errorf("store: load bans: %w", err)
	}
	return s, nil
}

// Find implements ban.Reader.
func (b Bans) Find(ctx context.Context, q ban.Query) (list []ban.Ban, err error) {
	w := where{}
	w.addIf(q.ID != 0, `id = ?`, q.ID)
	if names := padded(q.Networks[:min(len(q.Networks), ban.MaxNetworks)]); len(names) > 0 {
		args := make([]any, len(names))
		for i, p := range names {
			args[i] = p.String()
		}
		w.add(`network IN (?`+strings.Repeat(`, ?`, len(names)-1)+`)`, args...)
	}
	w.addIf(q.Cause != "", `cause = ?`, string(q.Cause))
	w.addIf(q.After != 0, `id < ?`, q.After)
	if q.Limit <= 0 || q.Limit > ban.MaxPage {
		q.Limit = ban.MaxPage
	}
	err = b.db.View(ctx, func(tx *Tx) error {
		w := w // one that runs again begins anew
		w.addIf(q.Active, `ended > ? AND lifted = 0`, tx.now())
		list, err = bansOf(tx, w.String()+` ORDER BY id DESC LIMIT ?`, append(w.args[:len(w.args):len(w.args)], q.Limit)...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: find bans: %w", err)
	}
	return list, nil
}

// Purge implements ban.Keeper. It takes no revision: what ended nobody has in memory, and
// of what gives way other nodes make room as this one does.
func (b Bans) Purge(ctx context.Context, before time.Time, active, ended int) (gone int, err error) {
	err = b.db.Update(ctx, func(tx *Tx) error {
		gone = 0
		if err := tx.lock(`SELECT value FROM ban_counter WHERE name = 'revision'`); err != nil {
			return err
		}
		now := tx.now()
		var live, over int
		if err := tx.Row(`SELECT COUNT(*) FROM ban WHERE ended > ?`, []any{now}, &live); err != nil {
			return err
		}
		if err := tx.Row(`SELECT COUNT(*) FROM ban WHERE ended <= ?`, []any{now}, &over); err != nil {
			return err
		}
		for _, one := range []struct {
			text string
			args []any
		}{
			{`SELECT id FROM ban WHERE ended <= ? ORDER BY ended LIMIT ?`, []any{min(toMicros(before), now), chunk}},
			{`SELECT id FROM ban WHERE ended <= ? ORDER BY ended LIMIT ?`, []any{now, min(max(over-ended, 0), chunk)}},
			{`SELECT id FROM ban WHERE ended > ? ORDER BY (cause = 'admin'), ended LIMIT ?`, []any{now, min(max(live-active, 0), chunk)}},
		} {
			done, err := tx.Exec(`DELETE FROM ban WHERE id IN (`+one.text+`)`, one.args...)
			n, err := affected(done, err)
			if err != nil {
				return err
			}
			gone += n
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("store: purge bans: %w", err)
	}
	return gone, nil
}
