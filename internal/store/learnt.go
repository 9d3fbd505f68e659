package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gatepost/internal/learnt"
)

// Learnt keeps what spam and ham taught.
type Learnt struct{ db *DB }

var _ learnt.Rows = Learnt{}

// Learnt returns the store's lessons.
func (db *DB) Learnt() Learnt { return Learnt{db} }

// A course is one transaction that changes lessons. It has the lock of the counter, so that
// courses come one after the other and their revisions are seen in order.
type course struct {
	*Tx
	revision int64
	caps     learnt.Caps
	counts   map[[2]string]int // lessons of a source, and of a source and person, within a day
	touched  map[int64]bool    // prints whose standing is to be worked out anew
}

func newCourse(tx *Tx, caps learnt.Caps) (*course, error) {
	c := &course{Tx: tx, caps: caps, counts: map[[2]string]int{}, touched: map[int64]bool{}}
	return c, tx.Row(`UPDATE learnt_counter SET value = value + 1 WHERE name = 'revision' RETURNING value`, nil, &c.revision)
}

// Teach implements learnt.Writer.
func (l Learnt) Teach(ctx context.Context, list []learnt.Lesson, caps learnt.Caps) (t learnt.Taught, err error) {
	err = l.db.Update(ctx, func(tx *Tx) error {
		t = learnt.Taught{}
		c, err := newCourse(tx, caps)
		if err != nil {
			return err
		}
		for _, one := range list {
			if err := c.teach(one, &t); err != nil {
				return fmt.Errorf("%s by %s: %w", one.Message, one.Person, err)
			}
		}
		return c.close()
	})
	if err != nil {
		return learnt.Taught{}, fmt.Errorf("store: teach: %w", err)
	}
	return t, nil
}

func (c *course) teach(l learnt.Lesson, t *learnt.Taught) error {
	var before int64
	var spam bool
	err := c.Row(`SELECT id, spam FROM learnt_lesson WHERE message = ? AND person = ? AND ended = 0`, []any{l.Message, l.Person}, &before, &spam)
	switch {
	case err == nil && spam == l.Spam:
		t.Known++
		return nil
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return err
	}
	if over, err := c.over(l); err != nil || over {
		t.Capped++
		return err
	}
	if err == nil {
		if err := c.end(before, l.Person); err != nil {
			return err
		}
	}
	t.Kept++
	return c.put(l)
}

// over reports whether a lesson is one too many, and counts it.
func (c *course) over(l learnt.Lesson) (bool, error) {
	if l.Source == learnt.Command {
		return false, nil
	}
	bySource, byPerson := [2]string{string(l.Source)}, [2]string{string(l.Source), l.Person}
	since := c.now() - learnt.Day.Microseconds()
	if _, ok := c.counts[bySource]; !ok {
		var n int
		if err := c.Row(`SELECT COUNT(*) FROM learnt_lesson WHERE source = ? AND time > ?`, []any{string(l.Source), since}, &n); err != nil {
			return false, err
		}
		c.counts[bySource] = n
	}
	if _, ok := c.counts[byPerson]; !ok {
		var n int
		err := c.Row(`SELECT COUNT(*) FROM learnt_lesson WHERE source = ? AND time > ? AND person = ?`, []any{string(l.Source), since, l.Person}, &n)
		if err != nil {
			return false, err
		}
		c.counts[byPerson] = n
	}
	if c.caps.Source > 0 && c.counts[bySource] >= c.caps.Source || c.caps.Person > 0 && c.counts[byPerson] >= c.caps.Person {
		return true, nil
	}
	c.counts[bySource]++
	c.counts[byPerson]++
	return false, nil
}

func (c *course) put(l learnt.Lesson) error {
	var id int64
	when := min(toMicros(l.Time), c.now())
	err := c.Row(`INSERT INTO learnt_lesson (message, person, spam, source, time) VALUES (?, ?, ?, ?, ?) RETURNING id`,
		[]any{l.Message, l.Person, number(l.Spam), string(l.Source), when}, &id)
	if err != nil {
		return err
	}
	for _, p := range l.Prints {
		var print int64
		err := c.Row(`INSERT INTO learnt_print (kind, sum, first, last) VALUES (?, ?, ?, ?)
			ON CONFLICT (kind, sum) DO UPDATE SET last = CASE WHEN excluded.last > learnt_print.last THEN excluded.last ELSE learnt_print.last END RETURNING id`,
			[]any{int64(p.Kind), p.Sum, when, when}, &print)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Kind, err)
		}
		if _, err := c.Exec(`INSERT INTO learnt_taught (print, lesson) VALUES (?, ?)`, print, id); err != nil {
			return fmt.Errorf("%s: %w", p.Kind, err)
		}
		c.touched[print] = true
	}
	return nil
}

// end ends a lesson.
func (c *course) end(id int64, who string) error {
	if _, err := c.Exec(`UPDATE learnt_lesson SET ended = ?, ended_by = ? WHERE id = ? AND ended = 0`, c.now(), who, id); err != nil {
		return err
	}
	rows, err := c.Query(`SELECT print FROM learnt_taught WHERE lesson = ?`, id)
	return each(rows, err, func(rows *sql.Rows) error {
		var print int64
		err := rows.Scan(&print)
		c.touched[print] = true
		return err
	})
}

// close works out what the prints come to that were touched.
func (c *course) close() error {
	for _, print := range slices.Sorted(maps.Keys(c.touched)) {
		if err := c.weigh(print); err != nil {
			return fmt.Errorf("print %d: %w", print, err)
		}
	}
	return nil
}

// weigh works out a print's standing of its lessons, of which it keeps the newest.
func (c *course) weigh(print int64) error {
	var s learnt.Standing
	var surplus []int64
	said := map[[2]bool]int{} // what an operator said is not pushed out by people
	people, against := map[string]learnt.Home{}, map[string]learnt.Source{}
	rows, err := c.Query(`SELECT l.id, l.spam, l.source, l.person, l.time FROM learnt_taught t JOIN learnt_lesson l ON l.id = t.lesson
		WHERE t.print = ? AND l.ended = 0 ORDER BY l.id DESC`, print)
	err = each(rows, err, func(rows *sql.Rows) error {
		var id, when int64
		var spam bool
		var source, person string
		if err := rows.Scan(&id, &spam, &source, &person, &when); err != nil {
			return err
		}
		by := learnt.Source(source)
		side := [2]bool{spam, by.Firm()}
		switch said[side]++; {
		case said[side] > learnt.MaxLessons:
			surplus = append(surplus, id)
		case spam:
			s.Count(by, person, people)
		case !against[person].Firm() || by == learnt.Command:
			against[person] = by
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.Oppose(against)
	_, err = c.Exec(`UPDATE learnt_print SET spam = ?, ham = ?, sources = ?, networks = ?, domains = ?, home = ?, revision = ? WHERE id = ?`,
		s.Spam, s.Ham, int64(s.Bits()), s.Networks, s.Domains, int64(s.Home), c.revision, print)
	if err != nil {
		return err
	}
	for _, id := range surplus {
		if _, err := c.Exec(`DELETE FROM learnt_taught WHERE print = ? AND lesson = ?`, print, id); err != nil {
			return err
		}
	}
	return nil
}

// Forget implements learnt.Writer.
func (l Learnt) Forget(ctx context.Context, f learnt.Forgetting) (list []learnt.Lesson, err error) {
	if f.ID == 0 && f.Message == "" && f.Person == "" {
		return nil, errors.New("store: forget: nothing is named")
	}
	w := where{}
	w.add(`ended = 0`)
	w.addIf(f.ID != 0, `id = ?`, f.ID)
	w.addIf(f.Message != "", `message = ?`, f.Message)
	w.addIf(f.Person != "", `person = ?`, f.Person)
	err = l.db.Update(ctx, func(tx *Tx) error {
		c, err := newCourse(tx, learnt.Caps{})
		if err != nil {
			return err
		}
		if list, err = lessonsOf(tx, w.String()+` ORDER BY id DESC LIMIT ?`, append(slices.Clone(w.args), chunk)...); err != nil {
			return err
		}
		for _, one := range list {
			if err := c.end(one.ID, f.Who); err != nil {
				return err
			}
		}
		return c.close()
	})
	if err != nil {
		return nil, fmt.Errorf("store: forget what was learnt: %w", err)
	}
	return list, nil
}

// Expire implements learnt.Writer. It takes no revision: who has a print in memory tells by
// its time that it is old.
func (l Learnt) Expire(ctx context.Context, before time.Time, most, limit int) (gone int, err error) {
	err = l.db.Update(ctx, func(tx *Tx) error {
		if err := tx.lock(`SELECT value FROM learnt_counter WHERE name = 'revision'`); err != nil {
			return err
		}
		var all, old int
		if err := tx.Row(`SELECT COUNT(*) FROM learnt_print`, nil, &all); err != nil {
			return err
		}
		if err := tx.Row(`SELECT COUNT(*) FROM learnt_print WHERE last < ?`, []any{toMicros(before)}, &old); err != nil {
			return err
		}
		gone = min(max(old, all-most), limit)
		ids := []any{}
		rows, err := tx.Query(`SELECT id FROM learnt_print ORDER BY last, id LIMIT ?`, gone)
		err = each(rows, err, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return err
		}
		for _, id := range ids {
			for _, text := range [...]string{`DELETE FROM learnt_taught WHERE print = ?`, `DELETE FROM learnt_print WHERE id = ?`} {
				if _, err := tx.Exec(text, id); err != nil {
					return err
				}
			}
		}
		_, err = tx.Exec(`DELETE FROM learnt_lesson WHERE id IN (SELECT id FROM learnt_lesson WHERE time < ?
			AND NOT EXISTS (SELECT 1 FROM learnt_taught WHERE lesson = learnt_lesson.id) ORDER BY time LIMIT ?)`, toMicros(before), limit)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store: expire what was learnt: %w", err)
	}
	return gone, nil
}
