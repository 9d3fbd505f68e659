package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/quarantine"
)

// holdRefused holds a message that its next hop refused, in the commit that ends the
// transfer. What was released is put back where it was, with the server's words in its
// history; all else gets a row of its own.
func holdRefused(tx *Tx, t *queue.Transfer, s *queue.Settlement) error {
	words := refusal(s.Reply)
	if t.Released != "" {
		switch back, err := putBack(tx, t, s, words); {
		case err != nil:
			return fmt.Errorf("hold %s again: %w", t.Released, err)
		case back:
			return nil
		}
	}
	now := fromMicros(tx.now())
	h := &quarantine.Held{
		ID: mail.NewID(now), Tx: t.Message.Tx, Recipient: t.Recipient, Box: quarantine.Anywhere, Domain: t.Recipient.Domain(), Sender: t.Message.Sender,
		Filter: quarantine.Undeliverable, Reason: words, Blob: t.Message.Blob, View: t.Message.View, Size: t.Message.Size, Time: now, Expires: s.Hold,
	}
	if len(t.For) > 0 {
		h.Domain = t.For[0].Domain()
		var client string
		err := tx.Row(`SELECT client, subject, score FROM journal WHERE id = ? AND recipient = ? ORDER BY line LIMIT 1`, []any{t.Message.Tx, t.For[0]}, &client, &h.Subject, &h.Score)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("journal %s: %w", t.Message.Tx, err)
		}
		h.Client, _ = netip.ParseAddr(client) // without one it is held all the same
	}
	return putHeld(tx, h)
}

// putBack ends a release that came to nothing, and reports whether there was one to end.
// Where several went out by it, the first one that is refused does.
func putBack(tx *Tx, t *queue.Transfer, s *queue.Settlement, words string) (bool, error) {
	var blob string
	var size int64
	err := tx.Row(`UPDATE held SET state = ?, ended = 0, expires = CASE WHEN expires > ? THEN expires ELSE ? END WHERE id = ? AND state = ? RETURNING blob, size - LENGTH(prefix) + skip`,
		[]any{quarantine.StateHeld, toMicros(s.Hold), toMicros(s.Hold), t.Released, quarantine.StateReleased}, &blob, &size)
	if errors.Is(err, sql.ErrNoRows) {
		var state quarantine.State
		err := tx.Row(`SELECT state FROM held WHERE id = ?`, []any{t.Released}, &state)
		if errors.Is(err, sql.ErrNoRows) {
			return false, nil
		}
		return state == quarantine.StateHeld, err
	}
	if err != nil {
		return false, err
	}
	tx.ref(blob, size)
	return true, putHeldAct(tx, t.Released, quarantine.Act{Who: words, What: quarantine.StateHeld, When: fromMicros(tx.now())})
}

// refusal is what the next hop said, in a line.
func refusal(r queue.Reply) string {
	text := strings.Join(strings.Fields(r.Text), " ")
	if r.Code == 0 {
		return text
	}
	return fmt.Sprintf("%s said %d %s %s", r.Host, r.Code, r.Enhanced, text)
}
