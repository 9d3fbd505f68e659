package store

import (
	"database/sql"
	"errors"
	"fmt"

	"gatepost/mailbox"
)

// errTexts: what the index of texts holds is not what was put there.
var errTexts = errors.New("the index of texts is damaged")

// An ask is a mailbox.TextQuery with the bits of its text.
type ask struct {
	places   []uint32
	all, any []ask
}

func askOf(q mailbox.TextQuery) (a ask) {
	a.places = mailbox.Places(q.Text)
	for _, sub := range q.All {
		a.all = append(a.all, askOf(sub))
	}
	for _, sub := range q.Any {
		a.any = append(a.any, askOf(sub))
	}
	return a
}

// may reports whether a message with that signature may be what is asked for.
func (a *ask) may(s mailbox.Signature) bool {
	if !s.May(a.places) {
		return false
	}
	for i := range a.all {
		if !a.all[i].may(s) {
			return false
		}
	}
	for i := range a.any {
		if a.any[i].may(s) {
			return true
		}
	}
	return len(a.any) == 0
}

// A textBlock is a block while one search looks at it.
type textBlock struct {
	id     int64
	places uint32 // bits of each signature
	emails []int64
	parts  map[uint32][]byte // that were read
}

// among takes out of set, a bit for each e-mail of the block, those that are not what is asked
// for.
func (a *ask) among(tx *Tx, box int64, b *textBlock, set slotSet) error {
	for _, p := range a.places {
		row, err := b.row(tx, box, p&(b.places-1))
		if err != nil {
			return err
		}
		if set.and(row) == 0 {
			return nil
		}
	}
	for i := range a.all {
		if err := a.all[i].among(tx, box, b, set); err != nil {
			return err
		}
	}
	if len(a.any) == 0 {
		return nil
	}
	either := make(slotSet, blockRow)
	for i := range a.any {
		one := append(slotSet{}, set...)
		if err := a.any[i].among(tx, box, b, one); err != nil {
			return err
		}
		either.or(one)
	}
	copy(set, either)
	return nil
}

// row is which e-mails of the block have a bit.
func (b *textBlock) row(tx *Tx, box int64, place uint32) (slotSet, error) {
	part := place / partBits
	bits, ok := b.parts[part]
	if !ok {
		err := tx.Row(`SELECT bits FROM mailbox_search_bits WHERE box = ? AND block = ? AND part = ?`, []any{box, b.id, part}, &bits)
		if err == nil && len(bits) != partBits*blockRow {
			err = errTexts
		}
		if err != nil {
			return nil, fmt.Errorf("block %d, part %d: %w", b.id, part, err)
		}
		b.parts[part] = bits
	}
	return slotSet(bits[place%partBits*blockRow:][:blockRow]), nil
}

// likelyEmails are the e-mails of the index that may be what is asked for; false where they are so
// many that looking them up is worth nothing.
func likelyEmails(tx *Tx, box int64, a ask) (emails []int64, few bool, err error) {
	blocks, err := textBlocks(tx, box)
	if err != nil {
		return nil, false, err
	}
	known := 0
	for i := range blocks {
		known += len(blocks[i].emails)
	}
	most := max(mostLikely, min(known/likelyPart, likelyEver))
	for i := range blocks {
		b := &blocks[i]
		set := make(slotSet, blockRow)
		for slot := range b.emails {
			set[slot/8] |= 1 << (slot % 8)
		}
		if err := a.among(tx, box, b, set); err != nil {
			return nil, false, err
		}
		b.parts = nil
		for slot, email := range b.emails {
			if set[slot/8]&(1<<(slot%8)) != 0 {
				emails = append(emails, email)
			}
		}
		if len(emails) > most {
			return nil, false, nil
		}
	}
	rows, err := tx.Query(`SELECT email, bits FROM mailbox_search_loose WHERE box = ?`, box)
	err = each(rows, err, func(rows *sql.Rows) error {
		var email int64
		var bits sql.RawBytes
		err := rows.Scan(&email, &bits)
		if a.may(mailbox.Signature(bits)) {
			emails = append(emails, email)
		}
		return err
	})
	return emails, len(emails) <= most, err
}

func textBlocks(tx *Tx, box int64) (list []textBlock, err error) {
	rows, err := tx.Query(`SELECT block, size, emails FROM mailbox_search_block WHERE box = ? ORDER BY block`, box)
	err = each(rows, err, func(rows *sql.Rows) error {
		b := textBlock{parts: map[uint32][]byte{}}
		var size uint32
		var ids sql.RawBytes
		if err := rows.Scan(&b.id, &size, &ids); err != nil {
			return err
		}
		b.places = size * 8
		b.emails, err = decodeMarks(ids)
		if err == nil && (len(b.emails) > blockEmails || size == 0 || size&(size-1) != 0) {
			err = errTexts
		}
		list = append(list, b)
		return err
	})
	return list, err
}
