package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// A packing is which loose signatures of a box become a block: all that are larger than least
// and not larger than size, and of those of least the first ones, up to the e-mail upTo. Smaller
// ones are repeated until they have the block's size: what a place is modulo their own bits stays
// what it is, so that they answer alike.
type packing struct {
	size, least int
	upTo        int64 // of those of least
	last        int64 // of all: what comes meanwhile is not in it

	ids  []int64 // in order
	list [][]byte
}

// fullEnough is the part of a block's room that its signatures must have taken by themselves.
const fullEnough = 0.75

// sizeCount is how many loose signatures of a size there are.
type sizeCount struct{ size, n int }

// choosePacking returns the size of the block that wastes least, and of which size its smallest
// signatures are; 0 where none can be made. The sizes are in order.
func choosePacking(sizes []sizeCount) (size, least int) {
	var best float64
	for i, largest := range sizes {
		left, octets, smallest := blockEmails, 0, 0
		for k := i; k >= 0 && left > 0; k-- {
			n := min(left, sizes[k].n)
			left, octets, smallest = left-n, octets+n*sizes[k].size, sizes[k].size
		}
		used := float64(octets) / float64(blockEmails*largest.size)
		if left == 0 && used >= fullEnough && used > best {
			best, size, least = used, largest.size, smallest
		}
	}
	return size, least
}

// Pack makes one block of signatures where a box has enough loose ones that are like in size.
func (m Mailboxes) Pack(ctx context.Context, box int64) (packed bool, err error) {
	var p packing
	err = m.db.View(ctx, func(tx *Tx) error {
		p, err = nextPacking(tx, box)
		return err
	})
	if err == nil && p.size > 0 {
		parts := turn(p.list, p.size)
		err = m.db.Update(ctx, func(tx *Tx) (err error) {
			packed, err = putBlock(tx, box, p, parts)
			return err
		})
	}
	if err != nil {
		return false, fmt.Errorf("store: pack texts of box %d: %w", box, err)
	}
	return packed, nil
}

func nextPacking(tx *Tx, box int64) (p packing, err error) {
	var sizes []sizeCount
	rows, err := tx.Query(`SELECT size, COUNT(*) FROM mailbox_search_loose WHERE box = ? AND size > 0 GROUP BY size ORDER BY size`, box)
	err = each(rows, err, func(rows *sql.Rows) error {
		var s sizeCount
		err := rows.Scan(&s.size, &s.n)
		sizes = append(sizes, s)
		return err
	})
	if err != nil {
		return p, err
	}
	p.size, p.least = choosePacking(sizes)
	if p.size == 0 {
		return p, nil
	}
	type one struct {
		id   int64
		bits []byte
	}
	var all []one
	rows, err = tx.Query(`SELECT email, size, bits FROM mailbox_search_loose WHERE box = ? AND size BETWEEN ? AND ? ORDER BY size DESC, email LIMIT ?`, box, p.least, p.size, blockEmails)
	err = each(rows, err, func(rows *sql.Rows) error {
		var s one
		var size int
		if err := rows.Scan(&s.id, &size, &s.bits); err != nil {
			return err
		}
		if size != len(s.bits) {
			return errTexts
		}
		if size == p.least {
			p.upTo = s.id
		}
		all = append(all, s)
		return nil
	})
	slices.SortFunc(all, func(a, b one) int { return cmp.Compare(a.id, b.id) })
	for _, s := range all {
		p.ids, p.list = append(p.ids, s.id), append(p.list, s.bits)
		p.last = s.id
	}
	return p, err
}

// turn makes a block's rows of signatures, each repeated until it has size octets.
func turn(list [][]byte, size int) [][]byte {
	parts := make([][]byte, size*8/partBits)
	for i := range parts {
		parts[i] = make([]byte, partBits*blockRow)
	}
	for slot := 0; slot < len(list); slot += 8 { // an octet of each of eight at once
		some := list[slot:min(slot+8, len(list))]
		for i := range size {
			var x uint64
			for k, signature := range some {
				x |= uint64(signature[i&(len(signature)-1)]) << (8 * k)
			}
			if x == 0 {
				continue
			}
			x = transpose(x)
			rows := parts[i*8/partBits][i*8%partBits*blockRow+slot/8:]
			for bit := range 8 {
				rows[bit*blockRow] = byte(x >> (8 * bit))
			}
		}
	}
	return parts
}

// transpose makes bit k of octet b what bit b of octet k was: of squares of one, two and four bits the upper right and the
// lower left change places.
func transpose(x uint64) uint64 {
	for _, square := range [...]struct {
		shift uint
		right uint64
	}{{7, 0x00aa00aa00aa00aa}, {14, 0x0000cccc0000cccc}, {28, 0x00000000f0f0f0f0}} {
		change := (x ^ x>>square.shift) & square.right
		x ^= change ^ change<<square.shift
	}
	return x
}

// putBlock puts a block in the place of its loose signatures, if they are all there still.
func putBlock(tx *Tx, box int64, p packing, parts [][]byte) (bool, error) {
	if err := lockBox(tx, box); err != nil {
		return false, err
	}
	const those = ` FROM mailbox_search_loose WHERE box = ? AND email <= ? AND size <= ? AND (size > ? OR size = ? AND email <= ?)`
	which := []any{box, p.last, p.size, p.least, p.least, p.upTo}
	var there int
	err := tx.Row(`SELECT COUNT(*)`+those, which, &there)
	if err != nil || there != len(p.ids) {
		return false, err
	}
	if _, err := tx.Exec(`DELETE`+those, which...); err != nil {
		return false, err
	}
	var block int64
	if err := tx.Row(`UPDATE mailbox_search SET block = block + 1 WHERE box = ? RETURNING block`, []any{box}, &block); err != nil {
		return false, err
	}
	if _, err := tx.Exec(`INSERT INTO mailbox_search_block (box, block, size, emails) VALUES (?, ?, ?, ?)`, box, block, p.size, encodeMarks(p.ids)); err != nil {
		return false, err
	}
	for i, bits := range parts {
		if _, err := tx.Exec(`INSERT INTO mailbox_search_bits (box, block, part, bits) VALUES (?, ?, ?, ?)`, box, block, i, bits); err != nil {
			return false, err
		}
	}
	return true, nil
}
