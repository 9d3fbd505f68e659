package store

import (
	"testing"
	"time"

	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/internal/queue"
)

// What the journal says of a recipient in the end, after what became of its transfers.
func TestJournalOfTransfers(t *testing.T) { onBoth(t, testJournalOfTransfers) }

func testJournalOfTransfers(t *testing.T, db *DB) {
	carried, refused := queue.Carried, queue.Refused
	tests := map[string]struct {
		state string // in the commit
		fates []queue.Fate
		want  string
	}{
		"carried":             {"queued", []queue.Fate{carried}, "relayed"},
		"refused":             {"queued", []queue.Fate{refused}, "bounced"},
		"both carried":        {"queued", []queue.Fate{carried, carried}, "relayed"},
		"both refused":        {"queued", []queue.Fate{refused, refused}, "bounced"},
		"one of each":         {"queued", []queue.Fate{carried, refused}, "partial"},
		"the other way round": {"queued", []queue.Fate{refused, carried}, "partial"},
		"a copy refused":      {"delivered", []queue.Fate{refused}, "partial"},
		"a copy carried":      {"delivered", []queue.Fate{carried}, "delivered"},
		"released, refused":   {"released", []queue.Fate{refused}, "bounced"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			id := mail.NewID(now)
			m := &queue.Message{ID: id, Tx: id, Sender: "a@a.example", Blob: "blob", Size: 10, Created: now, Expires: now.Add(time.Hour)}
			c := &intake.Commit{Row: &journal.Row{ID: id, Time: now, Lines: []journal.Line{{Recipient: "x@here.example", State: tt.state}, {Recipient: "y@here.example", State: tt.state}}}}
			for range tt.fates {
				c.Transfers = append(c.Transfers, &queue.Transfer{Message: m, Recipient: "x@far.example", For: []mail.Path{"x@here.example", "y@here.example"}, Destination: "mx:far.example"})
			}
			if err := db.Commit(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			list, err := db.Queue().Claim(t.Context(), "mx:far.example", 10, time.Hour)
			if err != nil || len(list) != len(tt.fates) {
				t.Fatal(len(list), err)
			}
			for i, fate := range tt.fates {
				if _, err := db.Queue().Settle(t.Context(), []queue.Settlement{{Transfer: list[i], Fate: fate}}); err != nil {
					t.Fatal(err)
				}
			}
			hits, err := db.Journal().Search(t.Context(), journal.Query{ID: id, Limit: 10})
			if err != nil || len(hits) != 2 || hits[0].State != tt.want || hits[1].State != tt.want {
				t.Errorf("got %+v, %v; want twice %q", hits, err, tt.want)
			}
		})
	}
}
