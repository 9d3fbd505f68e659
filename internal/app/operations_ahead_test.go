package app

import (
	"testing"
	"time"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// What is to last until a time that is over is refused, and nothing is written; 0 is what a
// request has that names no time.
func TestTimesThatAreOverAreRefused(t *testing.T) {
	a := openUnlimited(t)
	e, err := done[ops.Entry](t, a, ops.ListAdd{List: "block", Value: "x.example"})
	wantKind(t, "no time", err, "")
	_, err = done[ops.Entry](t, a, ops.ListAdd{List: "block", Value: "y.example", Expires: -5 * time.Hour})
	wantKind(t, "added", err, control.Misuse)
	over := -time.Second
	_, err = done[ops.Entry](t, a, ops.ListSet{ID: e.ID, Expires: &over})
	wantKind(t, "changed", err, control.Misuse)
	_, err = done[ops.Ban](t, a, ops.BanAdd{Network: "192.0.2.7", For: over})
	wantKind(t, "banned", err, control.Misuse)
	never := time.Duration(0)
	_, err = done[ops.Entry](t, a, ops.ListSet{ID: e.ID, Expires: &never})
	wantKind(t, "for good", err, "")
	list, err := done[[]ops.Entry](t, a, ops.ListList{})
	if err != nil || len(list) != 1 || !list[0].Expires.IsZero() {
		t.Errorf("got %+v, %v", list, err)
	}
}
