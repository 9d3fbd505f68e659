package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/proposal"
)

// Proposals keeps samples of mail, of which patterns are proposed, and what operators decided of those.
type Proposals struct{ db *DB }

var _ proposal.Rows = Proposals{}

// Proposals returns the store's samples and decisions.
func (db *DB) Proposals() Proposals { return Proposals{db} }

// proposalsLock is held by whoever changes samples or decisions.
const proposalsLock = `SELECT value FROM learnt_counter WHERE name = 'proposals'`

// Bring implements proposal.Samples.
func (p Proposals) Bring(ctx context.Context, list []proposal.Sample, caps proposal.Caps) error {
	err := p.db.Update(ctx, func(tx *Tx) error {
		if err := tx.lock(proposalsLock); err != nil {
			return err
		}
		classes := map[proposal.Class]bool{}
		for _, s := range list {
			classes[s.Class] = true
			if err := putSample(tx, s, caps.Day); err != nil {
				return fmt.Errorf("%s by %s: %w", s.Message, s.Person, err)
			}
		}
		for class := range classes {
			if caps.Class <= 0 {
				break
			}
			_, err := tx.Exec(`DELETE FROM proposal_sample WHERE class = ? AND id NOT IN
				(SELECT id FROM proposal_sample WHERE class = ? ORDER BY time DESC, id DESC LIMIT ?)`, int64(class), int64(class), caps.Class)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: samples of mail: %w", err)
	}
	return nil
}

func putSample(tx *Tx, s proposal.Sample, perDay int) error {
	if _, err := tx.Exec(`DELETE FROM proposal_sample WHERE message = ? AND person = ?`, s.Message, s.Person); err != nil {
		return err
	}
	now := tx.now()
	if perDay > 0 {
		var n int
		since := now - (24 * time.Hour).Microseconds()
		err := tx.Row(`SELECT COUNT(*) FROM proposal_sample WHERE person = ? AND class = ? AND time > ?`, []any{s.Person, int64(s.Class), since}, &n)
		if err != nil || n >= perDay {
			return err
		}
	}
	sums := make([]byte, 0, 4*len(s.Sums))
	for _, sum := range s.Sums {
		sums = binary.BigEndian.AppendUint32(sums, sum)
	}
	_, err := tx.Exec(`INSERT INTO proposal_sample (message, person, class, time, words, hosts, sums) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		s.Message, s.Person, int64(s.Class), min(toMicros(s.Time), now), s.Words, strings.Join(s.Hosts, " "), sums)
	return err
}

// Forget implements proposal.Samples.
func (p Proposals) Forget(ctx context.Context, message, person string) error {
	w := where{}
	w.add(`message = ?`, message)
	w.addIf(person != "", `person = ?`, person)
	err := p.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`DELETE FROM proposal_sample`+w.String(), w.args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: forget samples of mail: %w", err)
	}
	return nil
}

// Samples implements proposal.Samples.
func (p Proposals) Samples(ctx context.Context) (list []proposal.Sample, err error) {
	err = p.db.look(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT message, person, class, time, words, hosts, sums FROM proposal_sample ORDER BY time DESC, id DESC`)
		return each(rows, err, func(rows *sql.Rows) error {
			var s proposal.Sample
			var when int64
			var hosts string
			var sums []byte
			if err := rows.Scan(&s.Message, &s.Person, &s.Class, &when, &s.Words, &hosts, &sums); err != nil {
				return err
			}
			s.Time, s.Hosts = fromMicros(when), strings.Fields(hosts)
			for ; len(sums) >= 4; sums = sums[4:] {
				s.Sums = append(s.Sums, binary.BigEndian.Uint32(sums))
			}
			list = append(list, s)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: samples of mail: %w", err)
	}
	return list, nil
}

// Expire implements proposal.Samples.
func (p Proposals) Expire(ctx context.Context, before time.Time, limit int) (gone int, err error) {
	err = p.db.Update(ctx, func(tx *Tx) error {
		if err := tx.lock(proposalsLock); err != nil {
			return err
		}
		done, err := tx.Exec(`DELETE FROM proposal_sample WHERE id IN (SELECT id FROM proposal_sample WHERE time < ? ORDER BY time LIMIT ?)`, toMicros(before), limit)
		n, err := affected(done, err)
		gone = int(n)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store: expire samples of mail: %w", err)
	}
	return gone, nil
}

// Decide implements proposal.Decisions.
func (p Proposals) Decide(ctx context.Context, d proposal.Decision, most int) error {
	err := p.db.Update(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(`UPDATE learnt_counter SET value = value + 1 WHERE name = 'proposals'`); err != nil {
			return err
		}
		var n int
		if err := tx.Row(`SELECT COUNT(*) FROM proposal_decision WHERE NOT (kind = ? AND text = ?)`, []any{int64(d.Kind), d.Text}, &n); err != nil {
			return err
		}
		if n >= most {
			return proposal.ErrFull
		}
		_, err := tx.Exec(`INSERT INTO proposal_decision (kind, text, accepted, weight, who, why, time) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (kind, text) DO UPDATE SET accepted = excluded.accepted, weight = excluded.weight, who = excluded.who, why = excluded.why, time = excluded.time`,
			int64(d.Kind), d.Text, number(d.Accepted), d.Weight, d.Who, d.Why, toMicros(d.Time))
		return err
	})
	if err != nil && !errors.Is(err, proposal.ErrFull) {
		return fmt.Errorf("store: decide a proposal: %w", err)
	}
	return err
}

// Withdraw implements proposal.Decisions.
func (p Proposals) Withdraw(ctx context.Context, pattern proposal.Pattern) (was bool, err error) {
	err = p.db.Update(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(`UPDATE learnt_counter SET value = value + 1 WHERE name = 'proposals'`); err != nil {
			return err
		}
		done, err := tx.Exec(`DELETE FROM proposal_decision WHERE kind = ? AND text = ?`, int64(pattern.Kind), pattern.Text)
		n, err := affected(done, err)
		was = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("store: withdraw a decision: %w", err)
	}
	return was, nil
}

// Decided implements proposal.Decisions. Where nothing changed it reads one number.
func (p Proposals) Decided(ctx context.Context, since int64) (list []proposal.Decision, revision int64, err error) {
	err = p.db.View(ctx, func(tx *Tx) error {
		list = nil
		if err := tx.Row(proposalsLock, nil, &revision); err != nil || revision <= since {
			return err
		}
		rows, err := tx.Query(`SELECT kind, text, accepted, weight, who, why, time FROM proposal_decision ORDER BY time DESC, kind, text`)
		return each(rows, err, func(rows *sql.Rows) error {
			var d proposal.Decision
			var when int64
			err := rows.Scan(&d.Kind, &d.Text, &d.Accepted, &d.Weight, &d.Who, &d.Why, &when)
			d.Time = fromMicros(when)
			list = append(list, d)
			return err
		})
	})
	if err != nil {
		return nil, 0, fmt.Errorf("store: decisions of proposals: %w", err)
	}
	return list, revision, nil
}
