package store

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gatepost/internal/queue"
	"gatepost/mailbox"
)

// On a server many updates run at once. Each sees what others have committed before
// each of its statements, so a row that is read, changed and written back is locked
// before it is read. Who needs several locks takes them in this order, so that no two
// updates wait for each other:
//
//  0. the table of held messages as a whole, where a block of them is written (quarantine_block.go)
//  1. the directory's revision
//  2. transfers, then their messages, then held messages; each by id (a release locks
//     its held message and makes transfers, which nobody else can know yet)
//     and then what those are remembered by (same.go), by key; then what was taken from an account
//     elsewhere (collector.go)
//  3. the journal's rows of messages that are settled
//  4. mailboxes of the directory, shared
//  5. boxes, by number: all that is in a box is changed under the box's lock
//  6. the number of the last folder
//  7. the number of news of trust (trust_news.go), weights of trust, by key (trust.go), and then marks of what is sent, by mark (sent.go)
//  8. what domains take up, by domain and shard (mailbox_usage.go)
//  9. contents, by id (counts.go)
//
// What changes bans (ban.go), what was learnt (learnt.go), or signing keys (signing.go), locks its revision and nothing
// else; what changes scripts (sieve.go) locks theirs first, and then a mailbox.
//
// Where that can't be had the server finds the circle and ends one of them, which is
// run again (postgres.go). SQLite has one writer and no locks.

// lock locks the rows of a SELECT.
func (t *Tx) lock(query string, args ...any) error {
	if t.speaks.forUpdate == "" {
		return nil
	}
	rows, err := t.Query(query+t.speaks.forUpdate, args...)
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

// lockBox locks a box, where it is there.
func lockBox(tx *Tx, box int64) error {
	return tx.lock(`SELECT box FROM mailbox_box WHERE box = ?`, box)
}

// lockBoxOf locks the box that a folder is in, where it is there.
func lockBoxOf(tx *Tx, folder int64) error {
	return tx.lock(`SELECT box FROM mailbox_box WHERE box = (SELECT box FROM mailbox_folder WHERE id = ?)`, folder)
}

// lockTransfers locks transfers, and then their messages.
func lockTransfers(tx *Tx, list []*queue.Transfer) error {
	if len(list) < 2 {
		return nil
	}
	ids, messages := make([]string, len(list)), make([]string, len(list))
	for i, t := range list {
		ids[i], messages[i] = strconv.FormatInt(t.ID, 10), t.Message.ID
	}
	err := tx.lock(`SELECT id FROM queue_transfer WHERE id = ANY (CAST(string_to_array(?, ',') AS BIGINT[])) ORDER BY id`, strings.Join(ids, ","))
	if err != nil {
		return err
	}
	return tx.lock(`SELECT id FROM queue_message WHERE id = ANY (string_to_array(?, ',')) ORDER BY id`, strings.Join(messages, ","))
}

// lockBoxes locks the boxes of several deliveries, and makes those that are missing:
// all boxes first, and then their folders.
func lockBoxes(tx *Tx, list []*mailbox.Delivery) error {
	if len(list) < 2 || tx.speaks.forUpdate == "" {
		return nil
	}
	since := map[int64]*mailbox.Delivery{}
	var boxes []int64
	for _, d := range list {
		if since[d.Box] == nil {
			since[d.Box] = d
			boxes = append(boxes, d.Box)
		}
	}
	slices.SortFunc(boxes, cmp.Compare)
	var made []int64
	for _, box := range boxes {
		d := since[box]
		put := putBoxRow
		if d.Record { // its folders come with its mail
			put = insertBox
		}
		isNew, err := put(tx, box, d.Time)
		if err != nil {
			return err
		}
		if isNew && !d.Record {
			made = append(made, box)
		} else if err := lockBox(tx, box); err != nil {
			return err
		}
	}
	for _, box := range made {
		if err := putStandardFolders(tx, box, ""); err != nil {
			return err
		}
	}
	return nil
}
