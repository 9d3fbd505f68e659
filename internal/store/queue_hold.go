package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/quarantine"
)

// holdRefused holds a message that its next hop refused, in the commit that ends the
// transfer. What was released, and went nowhere else, is put back where it was, with the
// server's words in its history: it can be released again. All else gets a row of its own,
// so that nobody gets once more what he has.
func holdRefused(tx *Tx, t *queue.Transfer, s *queue.Settlement) error {
	words := refusal(s.Reply)
	if t.Sole {
		switch back, err := putBack(tx, t.Released, s.Hold, words); {
		case err != nil:
			return fmt.Errorf("hold %s again: %w", t.Released, err)
		case back:
			return nil
		}
	}
	now := fromMicros(tx.now())
	h := quarantine.Held{
		ID: mail.NewID(now), Tx: t.Message.Tx, Recipient: t.Recipient, Box: quarantine.Anywhere, Domain: home(t), Sender: t.Message.Sender,
		Filter: quarantine.Undeliverable, Reason: words, Blob: t.Message.Blob, View: t.Message.View, Size: t.Message.Size, Time: now, Expires: s.Hold,
		RequireTLS: t.Message.Params.RequireTLS, By: t.Message.By,
	}
	if err := describe(tx, t, &h); err != nil {
		return err
	}
	boxes, err := stillStanding(tx, t.Boxes)
	if err != nil {
		return err
	}
	if len(boxes) == 0 {
		return putHeld(tx, &h)
	}
	for _, box := range boxes { // each its owner's
		h.ID, h.Box = mail.NewID(now), box
		if err := putHeld(tx, &h); err != nil {
			return err
		}
	}
	return nil
}

// stillStanding leaves out the mailboxes that were removed: what is held for them nobody would see.
func stillStanding(tx *Tx, boxes []int64) (list []int64, err error) {
	for _, box := range boxes {
		switch err := standing(tx, box); {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return nil, err
		default:
			list = append(list, box)
		}
	}
	return list, nil
}

// home is the domain here whose mail a transfer is.
func home(t *queue.Transfer) string {
	switch {
	case t.Home != "":
		return t.Home
	case len(t.For) > 0: // queued before that was noted
		return t.For[0].Domain()
	}
	return t.Recipient.Domain()
}

// describe fills in what the refused message was: as it was held before, or as the journal
// has it.
func describe(tx *Tx, t *queue.Transfer, h *quarantine.Held) error {
	if t.Released != "" {
		switch from, err := showHeld(tx, t.Released); {
		case err == nil:
			h.Client, h.Subject, h.Score, h.Author, h.Guarded = from.Client, from.Subject, from.Score, from.Author, from.Guarded
			return nil
		case !errors.Is(err, quarantine.ErrUnknown):
			return fmt.Errorf("held message %s: %w", t.Released, err)
		}
	}
	if len(t.For) == 0 {
		return nil
	}
	var client string
	err := tx.Row(`SELECT client, subject, score FROM journal WHERE id = ? AND recipient = ? ORDER BY line LIMIT 1`, []any{t.Message.Tx, t.For[0]}, &client, &h.Subject, &h.Score)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("journal %s: %w", t.Message.Tx, err)
	}
	h.Client, _ = netip.ParseAddr(client) // without one it is held all the same
	return nil
}

// clocks is how far those of a node and of its database may be apart.
const clocks = time.Minute

// takeBack holds a message again whose release came to nothing by the deletion of a
// transfer: nobody else got it, or is to get it. It reports whether that is so.
func takeBack(tx *Tx, t *queue.Transfer) (bool, error) {
	if t.Released == "" {
		return false, nil
	}
	if err := tx.lock(`SELECT id FROM held WHERE id = ?`, t.Released); err != nil { // several may be deleted at once
		return false, err
	}
	var box, span, others int64
	err := tx.Row(`SELECT box, expires - time,
		(SELECT COUNT(*) FROM queue_transfer WHERE released = held.id AND released <> '') +
		(SELECT COUNT(*) FROM queue_event WHERE released = held.id AND released <> '' AND time >= held.ended - ? AND what IN ('carried', 'refused'))
		FROM held WHERE id = ?`, []any{clocks.Microseconds(), t.Released}, &box, &span, &others)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	case box > 0 || others > 0:
		return false, nil
	}
	return putBack(tx, t.Released, fromMicros(tx.now()+span), "deleted from the queue")
}

// putBack holds a released message again, until then at least, and notes why. It reports
// whether it was there, and released. Its reader is told anew.
func putBack(tx *Tx, id string, until time.Time, why string) (bool, error) {
	var blob string
	var size int64
	err := tx.Row(`UPDATE held SET state = ?, ended = 0, untold = 1, expires = CASE WHEN expires > ? THEN expires ELSE ? END WHERE id = ? AND state = ? RETURNING blob, size - LENGTH(prefix) + skip`,
		[]any{quarantine.StateHeld, toMicros(until), toMicros(until), id, quarantine.StateReleased}, &blob, &size)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	tx.ref(blob, size)
	if _, err := forgive(tx, id); err != nil { // who released it may have been wrong to
		return false, err
	}
	return true, putHeldAct(tx, id, quarantine.Act{Who: why, What: quarantine.StateHeld, When: fromMicros(tx.now())})
}

// refusal is what the next hop said, in a line.
func refusal(r queue.Reply) string {
	text := strings.Join(strings.Fields(r.Text), " ")
	if r.Code == 0 {
		return text
	}
	return fmt.Sprintf("%s said %d %s %s", r.Host, r.Code, r.Enhanced, text)
}
