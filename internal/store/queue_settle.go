package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gatepost/internal/queue"
)

// Settle implements queue.Rows. A settlement whose commit had an unknown outcome is
// tried again, maybe with a newer claim on what it put back; its sender is not told
// twice.
func (q Queue) Settle(ctx context.Context, list []queue.Settlement) (lost int, err error) {
	err = q.db.Update(ctx, func(tx *Tx) error {
		lost = 0
		if err := lockTransfers(tx, transfersOf(list)); err != nil {
			return err
		}
		lone := orphans{}
		for _, s := range list {
			notice := lone.noticeFor(&s)
			var err error
			if s.Notice, err = untold(tx, &s, notice); err != nil {
				return err
			}
			switch err := settle(tx, &s); {
			case errors.Is(err, queue.ErrLost):
				lost++
				lone.keep(&s, notice)
			case err != nil:
				return err
			case s.Notice != nil:
				delete(lone, kinOf(&s))
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("store: settle transfers: %w", err)
	}
	return lost, nil
}

func transfersOf(list []queue.Settlement) []*queue.Transfer {
	transfers := make([]*queue.Transfer, len(list))
	for i, s := range list {
		transfers[i] = s.Transfer
	}
	return transfers
}

// Orphans are notices of settlements that were lost. What they tell of others of the
// same message that have the same fate is told with one of those.
type orphans map[kin]*queue.Transfer

type kin struct {
	message string
	fate    queue.Fate
}

func kinOf(s *queue.Settlement) kin { return kin{s.Transfer.Message.ID, s.Fate} }

// noticeFor returns a settlement's own notice, or an orphan that may be about it.
func (o orphans) noticeFor(s *queue.Settlement) *queue.Transfer {
	if s.Notice != nil || s.Fate == queue.Deferred && !s.Delayed {
		return s.Notice
	}
	return o[kinOf(s)]
}

func (o orphans) keep(s *queue.Settlement, notice *queue.Transfer) {
	if notice != nil {
		o[kinOf(s)] = notice
	}
}

// untold returns notice, or nil where an earlier try of the same settlement has queued
// it: maybe it was sent since. What ends a transfer is done once; of what is put back
// the row says whether its sender was told of the delay.
func untold(tx *Tx, s *queue.Settlement, notice *queue.Transfer) (*queue.Transfer, error) {
	if notice == nil {
		return nil, nil
	}
	var queued, delayed int64
	if err := tx.Row(`SELECT COUNT(*) FROM queue_message WHERE id = ?`, []any{notice.Message.ID}, &queued); err != nil {
		return nil, fmt.Errorf("notice %s: %w", notice.Message.ID, err)
	}
	if s.Fate == queue.Deferred {
		err := tx.Row(`SELECT delayed FROM queue_transfer WHERE id = ?`, []any{s.Transfer.ID}, &delayed)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("transfer %d: %w", s.Transfer.ID, err)
		}
	}
	if queued+delayed > 0 {
		return nil, nil
	}
	return notice, nil
}
