package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gatepost/internal/greylist"
)

// Greylist keeps who has tried to send what to whom. A batch locks triplets by number, then
// identities by name; its rows are no others' concern.
type Greylist struct{ db *DB }

var (
	_ greylist.Rows   = Greylist{}
	_ greylist.Chores = Greylist{}
	_ greylist.Desk   = Greylist{}
)

// Greylist returns the store's triplets.
func (db *DB) Greylist() Greylist { return Greylist{db} }

const tripletColumns = `triplet, identity, domain, sender, recipient, state, first, last, tries, tx, expires`

// Find implements greylist.Rows.
func (g Greylist) Find(ctx context.Context, triplets []int64, identities []string) (f greylist.Found, err error) {
	err = g.db.View(ctx, func(tx *Tx) error {
		f = greylist.Found{Triplets: map[int64]greylist.Triplet{}, Identities: map[string]greylist.Identity{}}
		for pair := range slices.Chunk(identities, 2) {
			rows, err := tx.Query(`SELECT identity, passes, first, last, expires FROM greylist_identity WHERE identity IN (?, ?)`, pair[0], pair[len(pair)-1])
			err = each(rows, err, func(rows *sql.Rows) error {
				i, err := scanIdentity(rows)
				f.Identities[i.Name] = i
				return err
			})
			if err != nil {
				return err
			}
		}
		for pair := range slices.Chunk(triplets, 2) {
			rows, err := tx.Query(`SELECT `+tripletColumns+` FROM greylist_triplet WHERE triplet IN (?, ?)`, pair[0], pair[len(pair)-1])
			err = each(rows, err, func(rows *sql.Rows) error {
				t, err := scanTriplet(rows)
				f.Triplets[t.Number] = t
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return f, fmt.Errorf("store: greylist: %w", err)
	}
	return f, nil
}

// lockTriplet returns a triplet, the zero one where there is none, and locks it.
func lockTriplet(tx *Tx, n int64) (t greylist.Triplet, err error) {
	rows, err := tx.Query(`SELECT `+tripletColumns+` FROM greylist_triplet WHERE triplet = ?`+tx.speaks.forUpdate, n)
	err = each(rows, err, func(rows *sql.Rows) (err error) {
		t, err = scanTriplet(rows)
		return err
	})
	return t, err
}

func scanTriplet(rows *sql.Rows) (t greylist.Triplet, err error) {
	var first, last, expires int64
	err = rows.Scan(&t.Number, &t.Identity, &t.Domain, &t.Sender, &t.Recipient, &t.State, &first, &last, &t.Tries, &t.Tx, &expires)
	t.First, t.Last, t.Expires = fromMicros(first), fromMicros(last), fromMicros(expires)
	return t, err
}

// lockIdentity returns an identity, the zero one where there is none, and locks it.
func lockIdentity(tx *Tx, name string) (i greylist.Identity, err error) {
	rows, err := tx.Query(`SELECT identity, passes, first, last, expires FROM greylist_identity WHERE identity = ?`+tx.speaks.forUpdate, name)
	err = each(rows, err, func(rows *sql.Rows) (err error) {
		i, err = scanIdentity(rows)
		return err
	})
	return i, err
}

func scanIdentity(rows *sql.Rows) (i greylist.Identity, err error) {
	var first, last, expires int64
	err = rows.Scan(&i.Name, &i.Passes, &first, &last, &expires)
	i.First, i.Last, i.Expires = fromMicros(first), fromMicros(last), fromMicros(expires)
	return i, err
}

// homeOf is the number of an identity in the index.
func homeOf(identity string) int64 {
	sum := sha256.Sum256([]byte(identity))
	return int64(binary.BigEndian.Uint64(sum[:]) >> 1)
}

// Put implements greylist.Rows.
func (g Greylist) Put(ctx context.Context, b greylist.Batch) error {
	err := g.db.Update(ctx, func(tx *Tx) error {
		identities := map[string]greylist.Identity{}
		delays := map[delayKey]int64{}
		fresh := map[string]bool{} // identities of which more wait now
		for _, t := range b.Triplets {
			if err := putTriplet(tx, t, identities, delays, fresh); err != nil {
				return fmt.Errorf("triplet %d: %w", t.Number, err)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(fresh)) {
			if err := crowd(tx, name, b.PerIdentity, delays); err != nil {
				return fmt.Errorf("triplets of %s: %w", name, err)
			}
		}
		for _, i := range b.Identities {
			identities[i.Name] = identities[i.Name].Merge(i)
		}
		for _, name := range slices.Sorted(maps.Keys(identities)) {
			if err := putIdentity(tx, identities[name]); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		for i := range b.Delays {
			addDelay(&b.Delays[i], delays)
		}
		return putDelays(tx, delays)
	})
	if err != nil {
		return fmt.Errorf("store: greylist: %w", err)
	}
	return nil
}

// putTriplet merges a triplet with the one there. Most attempts are the first ones, which
// take one statement. Where two nodes make the same pass at once the later one's stays,
// which is as good: they are a moment apart.
func putTriplet(tx *Tx, add greylist.Triplet, identities map[string]greylist.Identity, delays map[delayKey]int64, fresh map[string]bool) error {
	if add.State == greylist.Waiting {
		made, err := writeTriplet(tx, add, `DO NOTHING`)
		if err != nil || made {
			fresh[add.Identity] = true
			return err
		}
	}
	old, err := lockTriplet(tx, add.Number)
	if err != nil {
		return err
	}
	t, lost := old.Merge(add)
	if lost {
		delays[delayKey{greylist.Day(old.First), old.Domain, delayLost}]++
	}
	_, err = writeTriplet(tx, t, `DO UPDATE SET domain = excluded.domain, state = excluded.state, first = excluded.first, last = excluded.last,
		tries = excluded.tries, tx = excluded.tx, expires = excluded.expires`)
	if err != nil || t.State == greylist.Waiting {
		return err
	}
	use := greylist.Identity{Name: t.Identity, First: add.Last, Last: add.Last, Expires: t.Expires}
	if old.State == greylist.Waiting {
		use.Passes = 1
	}
	identities[t.Identity] = identities[t.Identity].Merge(use)
	return nil
}

// writeTriplet writes a row, or does what the conflict clause says; wrote: one or the other
// changed something.
func writeTriplet(tx *Tx, t greylist.Triplet, conflict string) (wrote bool, err error) {
	done, err := tx.Exec(`INSERT INTO greylist_triplet (`+tripletColumns+`, home) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (triplet) `+conflict,
		t.Number, t.Identity, t.Domain, t.Sender, t.Recipient, t.State, toMicros(t.First), toMicros(t.Last), t.Tries, t.Tx, toMicros(t.Expires), homeOf(t.Identity))
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n > 0, err
}

func putIdentity(tx *Tx, add greylist.Identity) error {
	old, err := lockIdentity(tx, add.Name)
	if err != nil {
		return err
	}
	i := old.Merge(add)
	_, err = tx.Exec(`INSERT INTO greylist_identity (identity, passes, first, last, expires) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (identity) DO UPDATE SET passes = excluded.passes, first = excluded.first, last = excluded.last, expires = excluded.expires`,
		i.Name, i.Passes, toMicros(i.First), toMicros(i.Last), toMicros(i.Expires))
	return err
}

// crowd has the oldest triplets of an identity give way that wait beyond most.
func crowd(tx *Tx, identity string, most int, delays map[delayKey]int64) error {
	if most <= 0 {
		return nil
	}
	var n int
	err := tx.Row(`SELECT COUNT(*) FROM (SELECT 1 AS one FROM greylist_triplet WHERE home = ? AND state = 0 LIMIT ?) AS waiting`,
		[]any{homeOf(identity), most + 10*chunk}, &n)
	if err != nil || n <= most {
		return err
	}
	_, err = dropTriplets(tx, delays, `SELECT triplet FROM greylist_triplet WHERE home = ? AND state = 0 ORDER BY first LIMIT ?`, homeOf(identity), n-most)
	return err
}

// dropTriplets removes the triplets of a SELECT. Those that wait count as lost.
func dropTriplets(tx *Tx, delays map[delayKey]int64, query string, args ...any) (s greylist.Swept, err error) {
	rows, err := tx.Query(`DELETE FROM greylist_triplet WHERE triplet IN (`+query+`) RETURNING state, first, domain`, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var state greylist.State
		var first int64
		var domain string
		if err := rows.Scan(&state, &first, &domain); err != nil {
			return err
		}
		if s.Removed++; state == greylist.Waiting {
			s.Lost++
			delays[delayKey{greylist.Day(fromMicros(first)), domain, delayLost}]++
		}
		return nil
	})
	return s, err
}

// Changes implements greylist.Rows.
func (g Greylist) Changes(ctx context.Context) (n int64, err error) {
	err = g.db.View(ctx, func(tx *Tx) error {
		err := tx.Row(`SELECT n FROM greylist_change WHERE id = 1`, nil, &n)
		if errors.Is(err, sql.ErrNoRows) {
			n, err = 0, nil
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store: greylist changes: %w", err)
	}
	return n, nil
}

// Sweep implements greylist.Chores.
func (g Greylist) Sweep(ctx context.Context, now time.Time, limit int) (s greylist.Swept, err error) {
	err = g.db.Update(ctx, func(tx *Tx) error {
		s = greylist.Swept{}
		delays := map[delayKey]int64{}
		for _, state := range []greylist.State{greylist.Waiting, greylist.Passing} {
			gone, err := dropTriplets(tx, delays, `SELECT triplet FROM greylist_triplet WHERE state = ? AND expires < ? ORDER BY expires LIMIT ?`,
				state, toMicros(now), limit-s.Removed)
			if err != nil {
				return err
			}
			s.Removed, s.Lost = s.Removed+gone.Removed, s.Lost+gone.Lost
		}
		done, err := tx.Exec(`DELETE FROM greylist_identity WHERE identity IN
			(SELECT identity FROM greylist_identity WHERE expires < ? ORDER BY expires LIMIT ?)`, toMicros(now), limit-s.Removed)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if err != nil {
			return err
		}
		s.Removed += int(n)
		return putDelays(tx, delays)
	})
	if err != nil {
		return s, fmt.Errorf("store: sweep greylist: %w", err)
	}
	return s, nil
}

// Trim implements greylist.Chores.
func (g Greylist) Trim(ctx context.Context, most, limit int) (waiting int, s greylist.Swept, err error) {
	err = g.db.View(ctx, func(tx *Tx) error {
		return tx.Row(`SELECT COUNT(*) FROM greylist_triplet WHERE state = 0`, nil, &waiting)
	})
	if err == nil && waiting > most {
		err = g.db.Update(ctx, func(tx *Tx) (err error) {
			delays := map[delayKey]int64{}
			s, err = dropTriplets(tx, delays, `SELECT triplet FROM greylist_triplet WHERE state = 0 ORDER BY expires LIMIT ?`, min(limit, waiting-most))
			if err != nil {
				return err
			}
			return putDelays(tx, delays)
		})
	}
	if err != nil {
		return 0, s, fmt.Errorf("store: trim greylist: %w", err)
	}
	return waiting, s, nil
}
