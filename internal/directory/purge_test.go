package directory

import (
	"testing"
	"testing/synctest"
	"time"

	"gatepost/test/bubble"
)

// Entries are kept for 30 days after they expired, and then go, more than a batch of them.
func TestPurgeEntries(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	add := func(value, expires time.Duration) {
		e := Entry{List: Allow, Value: time.Duration(value).String() + ".example", Expires: f.clock.now().Add(expires)}
		if expires == 0 {
			e.Expires = time.Time{}
		}
		if _, err := f.AddEntry(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	for i := range purgeBatch + 1 {
		add(time.Duration(i), time.Hour)
	}
	add(time.Hour, 0)
	add(time.Minute, 2*time.Hour)
	for _, c := range []struct {
		later time.Duration
		want  int
	}{{0, 0}, {time.Hour + keptExpired, 0}, {time.Second, purgeBatch + 1}, {0, 0}, {2 * time.Hour, 1}, {10 * keptExpired, 0}} {
		f.clock.add(c.later)
		if n, err := f.PurgeEntries(ctx); err != nil || n != c.want {
			t.Errorf("%s later: purged %d, %v; want %d", c.later, n, err, c.want)
		}
	}
	if _, ok := f.Snapshot().FindSender("x@1h0m0s.example", "ann@example.net"); !ok {
		t.Error("the one that never expires is gone")
	}
}

// Run does it every hour.
func TestRunPurges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		e := f.entry(t, Block, "", "x.example", "global")
		if _, err := f.ChangeEntry(t.Context(), e.ID, func(e *Entry) error { e.Expires = f.clock.now().Add(-2 * keptExpired); return nil }); err != nil {
			t.Fatal(err)
		}
		go f.Run(t.Context())
		bubble.Sleep(purgeEvery + time.Second)
		if _, err := f.Entry(t.Context(), e.ID); err == nil {
			t.Error("still there")
		}
	})
}
