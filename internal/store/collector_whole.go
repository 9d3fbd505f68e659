package store

import (
	"context"
	"database/sql"
	"fmt"

	"gatepost/internal/collector"
	"gatepost/mailbox"
)

// rests is the column paused: a release that knows no whole accounts, or none of owners, is to take them for paused.
func rests(a *collector.Account) int64 {
	switch {
	case a.Whole:
		return 2 + number(a.Paused)
	case a.Owned:
		return 4 + number(a.Paused)
	}
	return number(a.Paused)
}

// Bring takes messages of a whole account into its mailbox, with their marks, in one commit. Where one of them is
// marked already nothing happens, and it fails with collector.ErrTaken.
func (c Collectors) Bring(ctx context.Context, list []*mailbox.Delivery, marks []collector.Mark) error {
	err := c.db.Update(ctx, func(tx *Tx) error {
		for i := range marks {
			if err := putCollected(tx, &marks[i]); err != nil {
				return err
			}
		}
		if err := putDeliveries(tx, list); err != nil {
			return err
		}
		for i, d := range list {
			marks[i].UID = uint32(d.UID)
		}
		return remark(tx, marks)
	})
	if err != nil {
		return fmt.Errorf("store: bring %d messages: %w", len(list), err)
	}
	return nil
}

// Remark implements collector.Rows.
func (c Collectors) Remark(ctx context.Context, list []collector.Mark) error {
	if len(list) == 0 {
		return nil
	}
	if err := c.db.Update(ctx, func(tx *Tx) error { return remark(tx, list) }); err != nil {
		return fmt.Errorf("store: marks of collector %d: %w", list[0].Account, err)
	}
	return nil
}

func remark(tx *Tx, list []collector.Mark) error {
	for _, m := range list {
		_, err := tx.Exec(`UPDATE collector_mark SET uid = ?, flags = ? WHERE account = ? AND folder = ? AND validity = ? AND id = ?`,
			int64(m.UID), m.Flags, m.Account, m.Folder, m.Validity, m.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

// Folders implements collector.Rows.
func (c Collectors) Folders(ctx context.Context, account int64) (list []collector.Folder, err error) {
	err = c.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT name, target, validity, state, messages, unfit, changed, removed, fault FROM collector_folder WHERE account = ? ORDER BY name`, account)
		return each(rows, err, func(rows *sql.Rows) error {
			f := collector.Folder{Account: account}
			err := rows.Scan(&f.Name, &f.Target, &f.Validity, &f.State, &f.Messages, &f.Left, &f.Changed, &f.Removed, &f.Fault)
			list = append(list, f)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: folders of collector %d: %w", account, err)
	}
	return list, nil
}

// PutFolder implements collector.Rows.
func (c Collectors) PutFolder(ctx context.Context, f collector.Folder) error {
	err := c.db.Update(ctx, func(tx *Tx) error {
		if err := accountStands(tx, f.Account); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO collector_folder (account, name, target, validity, state, messages, unfit, changed, removed, fault)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account, name) DO UPDATE SET target = excluded.target, validity = excluded.validity, state = excluded.state,
			messages = excluded.messages, unfit = excluded.unfit, changed = excluded.changed, removed = excluded.removed, fault = excluded.fault`,
			f.Account, f.Name, f.Target, f.Validity, f.State, f.Messages, f.Left, f.Changed, f.Removed, f.Fault)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: folder of collector %d: %w", f.Account, err)
	}
	return nil
}

// Unfit implements collector.Rows.
func (c Collectors) Unfit(ctx context.Context, account int64, limit int) (list []collector.Mark, err error) {
	err = c.db.View(ctx, func(tx *Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT folder, validity, id, fate, size, time FROM collector_mark WHERE account = ? AND id <> '' AND fate NOT IN (1, 2, 3) ORDER BY folder, validity, id LIMIT ?`, account, limit)
		return each(rows, err, func(rows *sql.Rows) error {
			m := collector.Mark{Account: account}
			var when int64
			err := rows.Scan(&m.Folder, &m.Validity, &m.ID, &m.Fate, &m.Size, &when)
			m.Time = fromMicros(when)
			list = append(list, m)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: what collector %d can't take: %w", account, err)
	}
	return list, nil
}
