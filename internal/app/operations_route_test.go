package app

import (
	"testing"
	"time"

	"gatepost/internal/control/ops"
	"gatepost/internal/mail"
	"gatepost/internal/srs"
)

// An address that was made for a sender is told as such, whoever else takes it.
func TestRouteReport(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	a := &App{srs: srs.New([][]byte{[]byte("key")}, func() time.Time { return now })}
	made, err := a.srs.Forward("jane@example.net", "ours.example")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		rcpt  mail.Path
		taken bool // by the directory
		later time.Duration
		want  bool
		steps int
	}{
		"made here":              {made, false, 0, true, 1},
		"made here, caught":      {made, true, 0, true, 1},
		"too old":                {made, false, 2 * srs.MaxAge, false, 1},
		"too old, but caught":    {made, true, 2 * srs.MaxAge, true, 0},
		"nothing of that kind":   {"jane@ours.example", false, 0, false, 0},
		"a mailbox, as any":      {"jane@ours.example", true, 0, true, 0},
		"not made here":          {"SRS0=AAAAAA=AA=example.net=x@ours.example", false, 0, false, 1},
		"not made, but a domain": {"SRS0=AAAAAA=AA=example.net=x@ours.example", true, 0, true, 0},
	} {
		now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC).Add(c.later)
		r := ops.Route{Taken: c.taken}
		a.routeReport(&r, c.rcpt)
		if r.Taken != c.want || len(r.Steps) != c.steps {
			t.Errorf("%s: got %+v; want taken %t, %d steps", name, r, c.want, c.steps)
		}
	}
}
