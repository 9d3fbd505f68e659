package storetest

import (
	"fmt"
	"testing"
	"time"

	"gatepost/internal/fingerprint"
)

// Fingerprint tests that what open returns keeps documents. Each call of open is a new,
// empty store.
func Fingerprint(t *testing.T, open func(*testing.T) fingerprint.Rows) {
	t.Run("added, loaded and removed", func(t *testing.T) {
		rows := open(t)
		var want []fingerprint.Document
		for i, d := range []fingerprint.Document{
			{Domain: "here.example", Name: "Pläne.txt", Shingles: []uint64{1, 1 << 63, ^uint64(0)}}, {Name: "b"},
		} {
			d.Added = time.Date(2026, 11, 26, 12, i, 0, 0, time.UTC)
			id, err := rows.Add(t.Context(), d)
			if err != nil || id == 0 {
				t.Fatal(id, err)
			}
			d.ID = id
			want = append(want, d)
		}
		got, err := rows.Load(t.Context(), true)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, %v; want %v", got, err, want)
		}
		for _, gone := range []bool{true, false} {
			if is, err := rows.Remove(t.Context(), want[0].ID); is != gone || err != nil {
				t.Errorf("removed %v, %v", is, err)
			}
		}
		if got, err = rows.Load(t.Context(), false); err != nil || len(got) != 1 || got[0].ID != want[1].ID || got[0].Shingles != nil {
			t.Errorf("left: %v, %v", got, err)
		}
	})
}
