package access

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"
)

// memoryLogins are rows that may fail.
type memoryLogins struct {
	list []Login
	err  error
}

func (m *memoryLogins) AddLogins(_ context.Context, list []Login, _ int) error {
	if m.err == nil {
		m.list = append(m.list, list...)
	}
	return m.err
}
func (m *memoryLogins) Logins(context.Context, int64) ([]Login, error)      { return nil, nil }
func (m *memoryLogins) ExpireLogins(ctx context.Context, _ time.Time) error { return nil }

// What comes each few minutes is written now and then, nothing is lost, and the rest comes at the end.
func TestLoginsAreNoted(t *testing.T) {
	now := time.Date(2026, 11, 27, 5, 0, 0, 0, time.UTC)
	rows := &memoryLogins{}
	l := NewLogins(rows, func() time.Time { return now })
	note := func(client string) { l.Note(7, "imap", netip.MustParseAddr(client)) }
	flush := func(all bool, want ...int64) {
		t.Helper()
		rows.list = nil
		err := l.Flush(t.Context(), all)
		if !errors.Is(err, rows.err) {
			t.Errorf("flush: %v", err)
		}
		var got []int64
		for _, one := range rows.list {
			got = append(got, one.Count)
		}
		if len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
			t.Errorf("written: %v, want %v", got, want)
		}
	}
	var none *Logins
	none.Note(7, "imap", netip.MustParseAddr("192.0.2.1"))
	note("192.0.2.1")
	note("::ffff:192.0.2.1")
	rows.err = errors.New("no store")
	flush(false)
	rows.err = nil
	note("192.0.2.1")
	flush(false, 3)
	flush(false)
	now = now.Add(time.Minute)
	note("192.0.2.1")
	flush(false)
	if list, err := l.Of(t.Context(), 7); err != nil || len(list) != 1 || !list[0].Last.Equal(now) {
		t.Errorf("what is not written yet: %v, %v", list, err)
	}
	note("2001:db8::1")
	note("2001:db8::2")
	flush(false, 2) // one network
	now = now.Add(againEvery)
	note("192.0.2.1")
	flush(false, 2)
	note("192.0.2.1")
	flush(true, 1)
	for range 3 {
		l.Note(0, "imap", netip.MustParseAddr("192.0.2.1"))
		l.Note(7, "imap", netip.Addr{})
	}
	flush(true)
}
