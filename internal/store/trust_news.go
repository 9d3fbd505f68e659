package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/trust"
)

// keptNews is how many news of trust stay for nodes that follow them.
const keptNews = 10_000

// announce tells nodes of a sender of whom nothing is known in a scope before this
// transaction. A row that may be pruned soon counts as none.
func announce(tx *Tx, k trust.Key, when int64) error {
	var used int64
	err := tx.Row(`SELECT used FROM trust WHERE scope = ? AND sender = ?`, []any{k.Scope, k.Sender}, &used)
	if err == nil && time.Duration(when-used)*time.Microsecond < trust.HalfLife {
		return nil
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("is %s known: %w", k.Sender, err)
	}
	var number int64
	if err := tx.Row(`UPDATE trust_counter SET value = value + 1 WHERE name = 'news' RETURNING value`, nil, &number); err != nil {
		return fmt.Errorf("number of news: %w", err)
	}
	if _, err := tx.Exec(`INSERT INTO trust_news (number, sender) VALUES (?, ?)`, number, k.Sender); err != nil {
		return fmt.Errorf("news of %s: %w", k.Sender, err)
	}
	_, err = tx.Exec(`DELETE FROM trust_news WHERE number <= ?`, number-keptNews)
	return err
}

// News implements trust.Rows.
func (t Trust) News(ctx context.Context, after int64, limit int) (n trust.News, err error) {
	err = t.db.View(ctx, func(tx *Tx) error {
		n = trust.News{Next: after}
		var newest int64
		if err := tx.Row(`SELECT value FROM trust_counter WHERE name = 'news'`, nil, &newest); err != nil || newest == after {
			return err
		}
		if newest < after || newest-after > keptNews || limit <= 0 {
			n.Next, n.Gap = newest, true
			return nil
		}
		rows, err := tx.Query(`SELECT number, sender FROM trust_news WHERE number > ? ORDER BY number LIMIT ?`, after, limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var sender mail.Path
			err := rows.Scan(&n.Next, &sender)
			n.Senders = append(n.Senders, sender)
			return err
		})
	})
	if err != nil {
		return trust.News{}, fmt.Errorf("store: news of trust: %w", err)
	}
	return n, nil
}
