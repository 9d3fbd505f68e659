package imap_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// newsAsked counts how often the store is asked for news.
type newsAsked struct {
	imap.Store
	news atomic.Int64
}

func (a *newsAsked) Since(ctx context.Context, folder int64, after mailbox.ModSeq) (mailbox.Delta, error) {
	a.news.Add(1)
	return a.Store.Since(ctx, folder, after)
}

// Who changes flags of a folder that nobody else has changed knows all that is new, and others hear of it.
func TestOwnChangeIsNoNews(t *testing.T) {
	store := &newsAsked{}
	s := start(t, func(s *imap.Server) { store.Store, s.Store = s.Store, store })
	a := inbox(t, s, 3)
	b := login(t, s)
	b.must("SELECT INBOX")
	a.must("NOOP")
	before := store.news.Load()
	got := strings.Join(a.must(`STORE 1:3 +FLAGS (\Seen)`), "\n")
	if n := store.news.Load() - before; n != 0 || strings.Count(got, `FETCH (FLAGS (\Seen))`) != 3 {
		t.Errorf("news were asked for %d times; got:\n%s", n, got)
	}
	if got := strings.Join(b.must("NOOP"), "\n"); strings.Count(got, `FLAGS (\Seen))`) != 3 {
		t.Errorf("the other got:\n%s", got)
	}
	s.flag(t, mailbox.UIDSet{{First: 2, Last: 2}}, mailbox.Flagged)
	got = strings.Join(a.must(`STORE 3 -FLAGS (\Seen)`), "\n")
	if !strings.Contains(got, "* 3 FETCH (FLAGS ())") || !strings.Contains(got, `* 2 FETCH (UID 2 FLAGS (\Seen \Flagged))`) {
		t.Errorf("after another's change got:\n%s", got)
	}
}

// Flags of more messages than are changed one by one, which the store notes: all who look see them at once.
func TestFlagsOfManyAreSeen(t *testing.T) {
	const n = mailbox.MaxPlan + 50
	s := start(t, func(s *imap.Server) { s.Limits.Eager = 10 })
	a := inbox(t, s, n)
	b := login(t, s)
	b.must("SELECT INBOX")
	b.must("FETCH 1 FLAGS") // reads the folder
	waits := login(t, s)
	waits.must("SELECT INBOX")
	waits.send("x1 IDLE")
	wantPrefix(t, "IDLE", waits.line(), "+ idling")
	if got := a.must(`STORE 1:* +FLAGS (\Flagged)`); strings.Count(strings.Join(got, "\n"), `FLAGS (\Flagged)`) != n {
		t.Errorf("got %d lines", len(got))
	}
	waits.heard(fmt.Sprintf(`* %d FETCH (UID %[1]d FLAGS (\Flagged))`, n))
	a.must(`STORE 7 -FLAGS.SILENT (\Flagged)`)
	if got := strings.Join(b.must("NOOP"), "\n"); strings.Count(got, `FLAGS (\Flagged)`) != n-1 {
		t.Errorf("the other got:\n%s", got)
	}
	a.must(`STORE 1:* +FLAGS.SILENT (\Deleted)`)
	a.must(`STORE 9 -FLAGS.SILENT (\Deleted)`)
	c := login(t, s)
	c.must("SELECT INBOX")
	for command, want := range map[string]string{"SEARCH UNFLAGGED": "* SEARCH 7", "SEARCH UNDELETED": "* SEARCH 9"} {
		if got := c.must(command); got[0] != want {
			t.Errorf("%s: %q, want %q", command, got[0], want)
		}
	}
	a.must("EXPUNGE")
	if got := strings.Join(c.must("NOOP"), "\n"); strings.Count(got, "EXPUNGE") != n-1 {
		t.Errorf("of what is expunged the other got:\n%s", got)
	}
}
