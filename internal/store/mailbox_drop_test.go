package store

import (
	"fmt"
	"testing"
	"time"

	"gatepost/mailbox"
)

// The end of a large box must not hold up everybody's mail: its cost grows with its
// messages, not with their square.
func TestDropLargeBox(t *testing.T) {
	few, many := dropBoxes(t, openTest(t), 500)
	if many > time.Second && many > 60*few {
		t.Errorf("16 times as many messages: %v instead of %v", many, few)
	}
}

func TestDropBox(t *testing.T) {
	onBoth(t, func(t *testing.T, db *DB) { dropBoxes(t, checked(t, db), 20) })
}

// dropBoxes fills and drops a box of n messages and one of 16 times as many.
func dropBoxes(t *testing.T, db *DB, n int) (few, many time.Duration) {
	took := map[int64]time.Duration{}
	for box, n := range map[int64]int{1: n, 2: 16 * n} {
		err := db.Update(t.Context(), func(tx *Tx) error {
			for i := range n {
				d := mailbox.Delivery{Box: box, Blob: fmt.Sprintf("b%d-%d", box, i/2), Size: 10, Time: noon}
				if err := putDelivery(tx, &d); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := db.Mailboxes().DropBox(t.Context(), box, noon); err != nil {
			t.Fatal(err)
		}
		took[box] = time.Since(began)
	}
	var left int
	err := db.View(t.Context(), func(tx *Tx) error { return tx.Row(`SELECT COUNT(*) FROM blob WHERE refs <> 0`, nil, &left) })
	if err != nil || left != 0 {
		t.Errorf("%d contents are still referred to, %v", left, err)
	}
	return took[1], took[2]
}
