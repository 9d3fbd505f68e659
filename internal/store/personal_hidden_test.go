package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gatepost/internal/mail"
	"gatepost/internal/privacy"
)

// Of what is about somebody he is shown nothing of the others who are in it: not who complained of him, nor whose lessons he took back.
func TestFindHidesOthers(t *testing.T) { onBoth(t, testFindHidesOthers) }

func testFindHidesOthers(t *testing.T, db *DB) {
	for n, c := range []struct {
		table, his string
		hidden     []string
	}{
		{"complaint", "sender", []string{"reporter", "recipient"}},
		{"complaint", "reporter", []string{"client"}},
		{"complaint", "ended_by", []string{"reporter", "recipient", "sender", "client", "account", "subject", "message_id"}},
		{"learnt_lesson", "ended_by", []string{"person"}},
		{"bayes_lesson", "ended_by", []string{"person"}},
	} {
		him, other := fmt.Sprintf("bob%d@far.example", n), fmt.Sprintf("eve%d@far.example", n)
		row := map[string]any{c.his: him}
		for _, column := range c.hidden {
			row[column] = other
		}
		seed(t, db, c.table, n+1, row)
		found, _ := pages(t, func(after string) (privacy.Page, error) {
			return Privacy{db, 7}.Find(t.Context(), privacy.Subject{Address: mail.Path(him)}, after)
		})
		text, err := json.Marshal(found)
		if err != nil || len(found) != 1 || found[0].Count != 1 || len(found[0].Rows) != 1 || strings.Contains(string(text), other) {
			t.Errorf("%s, by %s: %v: he is shown %s", c.table, c.his, err, text)
		}
	}
}
