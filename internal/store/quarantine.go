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

	"gatepost/internal/mail"
	"gatepost/internal/queue"
	"gatepost/internal/trust"
	"gatepost/mailbox"
	"gatepost/quarantine"
)

// Quarantine is the held messages' rows: it implements the interfaces of package
// quarantine.
type Quarantine struct {
	db   *DB
	rows int // of a small block, at least
}

var _ interface {
	quarantine.Reader
	quarantine.Settler
	quarantine.Keeper
} = Quarantine{}

// Quarantine returns the store's quarantine.
func (db *DB) Quarantine() Quarantine { return Quarantine{db, blockRows} }

// putHeld makes the row of a held message and counts its content's reference, in
// the commit that accepts the message.
func putHeld(tx *Tx, h *quarantine.Held) error {
	_, err := tx.Exec(`INSERT INTO held (id, tx, recipient, recipient_fold, box, domain, sender, sender_fold, client, subject, subject_fold,
		filter, reason, reason_fold, score, blob, prefix, skip, size, time, expires, state,
		author, author_fold, proof, guarded, asked, told, same, domain_id, require_tls, sent_by, late)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
		CASE WHEN ? <= (SELECT MAX(last) FROM held_block) THEN 1 ELSE 0 END)`,
		h.ID, h.Tx, h.Recipient, h.Recipient.Fold(), h.Box, h.Domain, h.Sender, h.Sender.Fold(), clientText(h.Client), h.Subject, strings.ToLower(h.Subject),
		h.Filter, h.Reason, strings.ToLower(h.Reason), finite(h.Score), h.Blob, notNil(h.View.Prefix), h.View.Skip, h.Size,
		toMicros(h.Time), toMicros(h.Expires), quarantine.StateHeld,
		h.Author, strings.ToLower(h.Author), h.Proof, number(h.Guarded), toMicros(h.Asked), h.Told, h.Same, h.DomainID, number(h.RequireTLS), h.By, toMicros(h.Time))
	if err != nil {
		return fmt.Errorf("hold %s: %w", h.ID, err)
	}
	content := h.Size - int64(len(h.View.Prefix)) + h.View.Skip
	tx.ref(h.Blob, content)
	return nil
}

// clientText is a client's address as rows have it; "": it is not known.
func clientText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// Settle implements quarantine.Settler. The update of the state alone decides who
// is first.
func (q Quarantine) Settle(ctx context.Context, id string, act quarantine.Act, d *quarantine.Delivery) (h quarantine.Held, err error) {
	err = q.db.Update(ctx, func(tx *Tx) (err error) {
		if err := settleHeld(tx, id, act); err != nil {
			return err
		}
		if h, err = showHeld(tx, id); err != nil || d == nil {
			return err
		}
		if err := teachReleased(tx, &h, d, act); err != nil {
			return err
		}
		if err := putOnward(tx, &h, d); err != nil || h.Box <= 0 || d.Queued {
			return err
		}
		return putDelivery(tx, &mailbox.Delivery{
			Box: h.Box, Blob: h.Blob, View: d.View, Size: d.Size, Time: d.Time,
			Envelope: d.Envelope, BodyStructure: d.BodyStructure,
		})
	})
	if err != nil {
		return quarantine.Held{}, fmt.Errorf("store: settle %s: %w", id, err)
	}
	return h, nil
}

// teachReleased learns what a release teaches.
func teachReleased(tx *Tx, h *quarantine.Held, d *quarantine.Delivery, act quarantine.Act) error {
	if d.Teach == "" {
		return nil
	}
	how := trust.Release
	if d.Solved {
		how = trust.Challenge
	}
	return teachOf(tx, h.ID, trust.Scope(d.Teach), h.Sender, how, toMicros(act.When))
}

// putOnward queues a released message for others than a mailbox of its own.
func putOnward(tx *Tx, h *quarantine.Held, d *quarantine.Delivery) error {
	for _, o := range d.Onward {
		view := mail.View{Prefix: slices.Concat(o.Mark, d.View.Prefix), Skip: d.View.Skip}
		err := putTransfers(tx, []*queue.Transfer{{
			Message: &queue.Message{
				ID: mail.NewID(d.Time), Tx: h.Tx, Sender: o.Sender, Blob: h.Blob, View: view, Size: d.Size + int64(len(o.Mark)),
				Params: mail.Params{Body: "8BITMIME", RequireTLS: h.RequireTLS}, Created: d.Time, Expires: d.Expires, By: h.By,
			},
			Recipient: o.To, For: []mail.Path{h.Recipient.Fold()}, Params: mail.RcptParams{Notify: mail.NotifyNever}, Hold: true, Released: h.ID, Sole: h.Box <= 0 && len(d.Onward) == 1, Home: h.Domain,
			Destination: queue.Destination(o.Destination), Boxes: o.Boxes, Judged: queue.Judged{Proof: h.Proof},
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// settleHeld ends one hold: state, act, what the journal says of the message, and
// the row's reference to the content.
func settleHeld(tx *Tx, id string, act quarantine.Act) error {
	var blob, transaction, recipient string
	err := tx.Row(`UPDATE held SET state = ?, ended = ? WHERE id = ? AND state = 'held' RETURNING blob, tx, recipient_fold`,
		[]any{act.What, toMicros(act.When), id}, &blob, &transaction, &recipient)
	if errors.Is(err, sql.ErrNoRows) {
		return notHeld(tx, id)
	}
	if err != nil {
		return err
	}
	if err := putHeldAct(tx, id, act); err != nil {
		return err
	}
	if err := setJournalState(tx, transaction, recipient, string(act.What)); err != nil {
		return err
	}
	tx.unref(blob)
	return nil
}

func putHeldAct(tx *Tx, id string, act quarantine.Act) error {
	_, err := tx.Exec(`INSERT INTO held_act (held, seq, who, what, time)
		SELECT CAST(? AS TEXT), COALESCE(MAX(seq), 0) + 1, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT) FROM held_act WHERE held = ?`,
		id, act.Who, act.What, toMicros(act.When), id)
	return err
}

// notHeld says why a row could not be settled.
func notHeld(tx *Tx, id string) error {
	h, err := showHeld(tx, id)
	if err != nil {
		return err
	}
	return h.Open()
}

// Expire implements quarantine.Settler.
func (q Quarantine) Expire(ctx context.Context, act quarantine.Act, limit int) (n int, err error) {
	err = q.db.Update(ctx, func(tx *Tx) error {
		var ids []string
		rows, err := tx.Query(`SELECT id FROM held WHERE state = 'held' AND expires <= ? ORDER BY expires LIMIT ?`+tx.speaks.skipLocked,
			toMicros(act.When), limit)
		err = each(rows, err, func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return err
		}
		for some := range slices.Chunk(ids, expireSome) {
			if err := expireHeld(tx, some, act); err != nil {
				return err
			}
		}
		n = len(ids)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("store: expire held messages: %w", err)
	}
	return n, nil
}

// expireSome is how many holds one statement ends.
const expireSome = 10

// expireHeld does for some held rows, which are locked, what settleHeld does for one.
func expireHeld(tx *Tx, ids []string, act quarantine.Act) error {
	in := ` id IN (` + marks(expireSome) + `)`
	args := []any{act.What, toMicros(act.When)}
	acts := []any{act.Who, act.What, toMicros(act.When)}
	for i := range expireSome { // the texts are the same for fewer
		id := ids[min(i, len(ids)-1)]
		args, acts = append(args, id), append(acts, id)
	}
	type ended struct{ blob, tx, recipient string }
	var all []ended
	rows, err := tx.Query(`UPDATE held SET state = ?, ended = ? WHERE state = 'held' AND`+in+` RETURNING blob, tx, recipient_fold`, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var e ended
		err := rows.Scan(&e.blob, &e.tx, &e.recipient)
		all = append(all, e)
		return err
	})
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO held_act (held, seq, who, what, time)
		SELECT id, COALESCE((SELECT MAX(a.seq) FROM held_act a WHERE a.held = held.id), 0) + 1, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT) FROM held WHERE`+in, acts...)
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b ended) int { return cmp.Or(cmp.Compare(a.tx, b.tx), cmp.Compare(a.recipient, b.recipient)) })
	for _, e := range all {
		if err := setJournalState(tx, e.tx, e.recipient, string(act.What)); err != nil {
			return err
		}
		tx.unref(e.blob)
	}
	return nil
}
