package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"gatepost/internal/intake"
	"gatepost/internal/queue"
	"gatepost/mailbox"
)

// Commit implements intake.Committer: all rows of one accepted message, or none.
func (db *DB) Commit(ctx context.Context, c *intake.Commit) error {
	return db.Update(ctx, func(tx *Tx) error {
		if err := putSame(tx, c); err != nil {
			return err
		}
		if err := putCollected(tx, c.Collected); err != nil {
			return err
		}
		for _, box := range boxesOf(c) {
			if err := standing(tx, box); err != nil {
				return err
			}
		}
		for _, h := range c.Held {
			if h.Box > 0 { // where the others lead is found out when they are released
				if err := standing(tx, h.Box); err != nil {
					return err
				}
			}
			if err := putHeld(tx, h); err != nil {
				return err
			}
		}
		if err := putTransfers(tx, c.Transfers); err != nil {
			return err
		}
		for _, e := range c.Events {
			about := &queue.Transfer{Message: &queue.Message{Tx: e.Tx}, Recipient: e.Recipient}
			if err := putEvent(tx, about, e.What, e.Reply); err != nil {
				return err
			}
		}
		if err := putReports(tx, c.Complaints); err != nil {
			return err
		}
		if err := putDMARCReports(tx, c.DMARC); err != nil {
			return err
		}
		if err := putJournal(tx, c.Row); err != nil {
			return err
		}
		records, err := records(tx, c)
		if err != nil {
			return err
		}
		// Last, since a box is locked from here on.
		return putRuled(tx, c, slices.Concat(c.Deliveries, records))
	})
}

// boxesOf are the boxes in which a commit makes rows, each once, by number.
func boxesOf(c *intake.Commit) []int64 {
	boxes := make([]int64, 0, len(c.Deliveries)+len(c.Remember)+len(c.Answers))
	for _, d := range c.Deliveries {
		boxes = append(boxes, d.Box)
	}
	for _, m := range c.Remember {
		boxes = append(boxes, m.Box)
	}
	for _, a := range c.Answers {
		if a.Once.Box != 0 { // it is a domain's
			boxes = append(boxes, a.Once.Box)
		}
	}
	slices.Sort(boxes)
	return slices.Compact(boxes)
}

// standing fails where a mailbox was removed since RCPT: nobody could see the mail.
func standing(tx *Tx, box int64) error {
	var one int
	if err := tx.Row(`SELECT 1 FROM mailbox WHERE id = ?`+tx.speaks.keyShare, []any{box}, &one); err != nil {
		return fmt.Errorf("mailbox %d is gone: %w", box, err)
	}
	return nil
}

// records are what a commit adds to archives. One that was removed since takes nothing more, and
// the mail is not refused for that.
func records(tx *Tx, c *intake.Commit) (list []*mailbox.Delivery, err error) {
	for _, d := range c.Records {
		switch err := standing(tx, d.Box); {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return nil, err
		default:
			list = append(list, d)
		}
	}
	return list, nil
}
