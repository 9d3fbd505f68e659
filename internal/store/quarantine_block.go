package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Searching millions of held messages.
//
// What one index can answer by itself, newest first, is answered by it: all that is held,
// or in one state, for a mailbox, a recipient, a domain, by a sender. For all else, text
// above all, there are blocks. A block is all messages of some stretch of time, in groups
// of a few. It knows for each gram (three octets in a row of the texts, or a whole value such as
// a domain) which rows have it. A search keeps the rows that have all grams of what it
// looks for, and reads their groups: rare words are found by few reads wherever they are, and common
// ones at once. Since grams are octets it is the same for all scripts, and since it is rows like
// others, on both engines.
//
// Blocks are made beside the mail, not in the commits that hold it: first small ones, and of
// many of those a big one. What is newer than the last block is read as it is. A row whose time
// lies in a block that was there before it is "late", and looked at by itself, until the
// big block takes it in.

// The sizes of things.
const (
	groupRows = 8    // rows of a group, or more where they have the same time
	blockRows = 2048 // rows of a small block, likewise
	fan       = 32   // small blocks that a big one is made of
)

// maxLate is how many late rows are borne before the blocks that they lie in are made anew.
const maxLate = 1000

// A block is what is known of some rows: from first to last there are no others, but late
// ones.
type block struct {
	id, first, last int64
	level           int
	marks           []int64
	buckets         []bucket
	days            map[filterDay]int
	rows            int
}

// A bucket is the grams of some places.
type bucket struct {
	number uint32
	grams  []byte
}

type filterDay struct {
	day    int64
	filter string
}

const microsOfDay = 24 * 60 * 60 * 1e6

// newBlock makes a block of rows, which are in order of time.
func newBlock(rows []gramRow, level int) *block {
	b := &block{first: rows[0].time, last: rows[len(rows)-1].time, level: level, days: map[filterDay]int{}, rows: len(rows)}
	slots := b.slots(rows)
	const atOnce = 1 << 13 // rows whose postings are in memory at once, as it were
	passes := uint32(1)
	for int(passes)*atOnce < len(rows) {
		passes *= 2
	}
	var list []gram
	var postings []posting
	for pass := range passes {
		postings = postings[:0]
		for i := range rows {
			list = rows[i].grams(list[:0])
			for _, g := range list {
				if uint64(g.place())*uint64(passes)>>32 == uint64(pass) {
					postings = append(postings, newPosting(g, slots[i]))
				}
			}
		}
		slices.Sort(postings)
		b.fill(slices.Compact(postings))
	}
	return b
}

// slots makes the groups, and returns each row's slot.
func (b *block) slots(rows []gramRow) []int {
	slots := make([]int, len(rows))
	n := 0 // of the group
	for i := range rows {
		r := &rows[i]
		b.days[filterDay{r.time / microsOfDay, r.filter}]++
		if n == 0 || n >= groupRows && len(b.marks) < maxGroups && r.time != rows[i-1].time {
			b.marks, n = append(b.marks, r.time), 0
		}
		slots[i] = (len(b.marks)-1)*groupSlots + min(n, groupSlots-1)
		n++
	}
	return slots
}

// fill makes buckets of postings.
func (b *block) fill(list []posting) {
	shift := 32 - bucketBits(b.level)
	for len(list) > 0 {
		number := list[0].place() >> shift
		n := 1
		for n < len(list) && list[n].place()>>shift == number {
			n++
		}
		b.buckets = append(b.buckets, bucket{number, encodeBucket(list[:n], len(b.marks))})
		list = list[n:]
	}
}

// partGroups is how many groups' marks are in one row.
const partGroups = 64

// put writes a block.
func (b *block) put(tx *Tx) error {
	err := tx.Row(`INSERT INTO held_block (first, last, level, size) VALUES (?, ?, ?, ?) RETURNING id`,
		[]any{b.first, b.last, b.level, len(b.marks)}, &b.id)
	if err != nil {
		return err
	}
	for from := 0; from < len(b.marks); from += partGroups {
		part := encodeMarks(b.marks[from:min(from+partGroups+1, len(b.marks))])
		if _, err := tx.Exec(`INSERT INTO held_mark (block, part, marks) VALUES (?, ?, ?)`, b.id, from/partGroups, part); err != nil {
			return err
		}
	}
	for _, c := range b.buckets {
		if _, err := tx.Exec(`INSERT INTO held_gram (bucket, block, grams) VALUES (?, ?, ?)`, c.number, b.id, c.grams); err != nil {
			return err
		}
	}
	for d, n := range b.days {
		if _, err := tx.Exec(`INSERT INTO held_day (block, day, filter, held) VALUES (?, ?, ?, ?)`, b.id, d.day, d.filter, n); err != nil {
			return err
		}
	}
	return nil
}

// Index implements quarantine.Keeper: it makes one block, if there are rows enough. What
// comes in while it is made is noticed.
func (q Quarantine) Index(ctx context.Context, t time.Time) (n int, err error) {
	for _, step := range []func(context.Context, time.Time) (int, error){q.unlate, q.merge, q.append} {
		if n, err = step(ctx, t); n > 0 || err != nil {
			break
		}
	}
	if err != nil {
		return 0, fmt.Errorf("store: index held messages: %w", err)
	}
	return n, nil
}

// append makes a small block of the rows behind the last one.
func (q Quarantine) append(ctx context.Context, t time.Time) (int, error) {
	var b *block
	err := q.db.View(ctx, func(tx *Tx) error {
		after, err := lastBlock(tx)
		if err != nil {
			return err
		}
		rows, err := someRows(tx, after, toMicros(t), q.rows)
		if len(rows) > 0 {
			b = newBlock(rows, 0)
		}
		return err
	})
	if err != nil || b == nil {
		return 0, err
	}
	return b.rows, q.replace(ctx, b, nil)
}

// lastBlock is the newest time that a block has; the least number where there is none.
func lastBlock(tx *Tx) (last int64, err error) {
	err = tx.Row(`SELECT COALESCE(MAX(last), ?) FROM held_block`, []any{int64(math.MinInt64)}, &last)
	return last, err
}

// someRows returns n rows and those of the last one's time, in order, from after one time
// and before another; none where there are fewer.
func someRows(tx *Tx, after, before int64, n int) ([]gramRow, error) {
	for limit := n + 1; ; limit *= 2 {
		list, err := gramRows(tx, `time > ? AND time < ? ORDER BY time, id LIMIT ?`, after, before, limit)
		if err != nil || len(list) <= n {
			return nil, err
		}
		for cut := n; cut < len(list); cut++ {
			if list[cut].time != list[cut-1].time {
				return list[:cut], nil
			}
		}
		if len(list) < limit {
			return list, nil
		}
	}
}

func gramRows(tx *Tx, which string, args ...any) (list []gramRow, err error) {
	rows, err := tx.Query(`SELECT time, box, recipient_fold, domain, sender_fold, client, filter, subject_fold, author_fold, reason_fold, guarded FROM held WHERE `+which, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var r gramRow
		err := rows.Scan(&r.time, &r.box, &r.recipient, &r.domain, &r.sender, &r.client, &r.filter, &r.subject, &r.author, &r.reason, &r.guarded)
		list = append(list, r)
		return err
	})
	return list, err
}

// merge makes a big block of small ones, and of the late rows among theirs.
func (q Quarantine) merge(ctx context.Context, _ time.Time) (int, error) {
	var b *block
	var ids []int64
	err := q.db.View(ctx, func(tx *Tx) (err error) {
		if ids, err = tx.numbers(`SELECT id FROM held_block WHERE level = 0 ORDER BY last LIMIT ?`, fan); err != nil || len(ids) < fan {
			return err
		}
		var first, last int64
		if err := tx.Row(`SELECT MIN(first), MAX(last) FROM held_block WHERE id IN (`+marks(len(ids))+`)`, anys(ids), &first, &last); err != nil {
			return err
		}
		rows, err := gramRows(tx, `time >= ? AND time <= ? ORDER BY time, id`, first, last)
		if err != nil || len(rows) == 0 {
			return err // purged since: the blocks go, too
		}
		b = newBlock(rows, 1)
		b.first, b.last = first, last
		return nil
	})
	if err != nil || b == nil {
		return 0, err
	}
	return b.rows, q.replace(ctx, b, ids)
}

// replace writes a block in place of others, unless rows came or went since it was made:
// then nothing is done, and the next turn tries again.
func (q Quarantine) replace(ctx context.Context, b *block, old []int64) error {
	return q.db.Update(ctx, func(tx *Tx) error {
		if tx.speaks.lockHeld != "" {
			if _, err := tx.Exec(tx.speaks.lockHeld); err != nil {
				return err
			}
		}
		after, err := lastBlock(tx)
		if err != nil {
			return err
		}
		var n int
		if err := tx.Row(`SELECT COUNT(*) FROM held WHERE time >= ? AND time <= ?`, []any{b.first, b.last}, &n); err != nil {
			return err
		}
		if n > b.rows || len(old) == 0 && after >= b.first { // rows that went do no harm
			return nil
		}
		if err := dropBlocks(tx, old); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE held SET late = 0 WHERE late > 0 AND time >= ? AND time <= ?`, b.first, b.last); err != nil {
			return err
		}
		return b.put(tx)
	})
}

// dropBlocks removes blocks of one level. Their grams go by bucket, as the index has them.
func dropBlocks(tx *Tx, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	in, args := ` IN (`+marks(len(ids))+`)`, anys(ids)
	level := 0
	if err := tx.Row(`SELECT COALESCE(MAX(level), 0) FROM held_block WHERE id`+in, args, &level); err != nil {
		return err
	}
	for b := range 1 << bucketBits(level) {
		if _, err := tx.Exec(`DELETE FROM held_gram WHERE bucket = ? AND block`+in, slices.Concat([]any{b}, args)...); err != nil {
			return err
		}
	}
	for _, text := range [...]string{`DELETE FROM held_mark WHERE block`, `DELETE FROM held_day WHERE block`, `DELETE FROM held_block WHERE id`} {
		if _, err := tx.Exec(text+in, args...); err != nil {
			return err
		}
	}
	return nil
}

// unlate undoes a block whose rows are gone, or that rows are late for, where those are
// too many, and returns 0 where there is nothing to undo.
func (q Quarantine) unlate(ctx context.Context, _ time.Time) (n int, err error) {
	const lates = `SELECT COUNT(*) FROM (SELECT 1 FROM held WHERE late > 0 LIMIT ?) l`
	var gone []int64
	late := 0
	err = q.db.View(ctx, func(tx *Tx) (err error) {
		if gone, err = tx.numbers(`SELECT id FROM held_block WHERE last < (SELECT COALESCE(MIN(time), ?) FROM held) ORDER BY last LIMIT 1`, int64(math.MaxInt64)); err != nil {
			return err
		}
		return tx.Row(lates, []any{maxLate + 1}, &late)
	})
	if err != nil || len(gone) == 0 && late <= maxLate {
		return 0, err
	}
	err = q.db.Update(ctx, func(tx *Tx) (err error) {
		n = len(gone)
		if n == 0 { // the newest first: what is behind the last block is read as it is
			gone, err = tx.numbers(`SELECT id FROM held_block WHERE last >= (SELECT MIN(time) FROM held WHERE late > 0) ORDER BY last DESC LIMIT 1`)
			n = len(gone)
		}
		if err == nil && n == 0 {
			return clearLate(tx, &n)
		}
		return errors.Join(err, dropBlocks(tx, gone))
	})
	return n, err
}

// clearLate has some late rows be like others: there is no block any more that they are
// missing in.
func clearLate(tx *Tx, n *int) error {
	done, err := tx.Exec(`UPDATE held SET late = 0 WHERE id IN (SELECT id FROM held WHERE late > 0 ORDER BY time, id LIMIT ?)`, expireChunk)
	if err != nil {
		return err
	}
	cleared, err := done.RowsAffected()
	*n = int(cleared)
	return err
}
