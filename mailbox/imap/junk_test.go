package imap_test

import (
	"gatepost/mailbox"
	"strings"
	"testing"
	"time"
)

// Old junk that is removed under a session is told to it, as what others expunge, and at
// once to one that waits (RFC 2177); what is left keeps its UID.
func TestJunkIsSwept(t *testing.T) {
	s := start(t)
	c, waits := login(t, s), login(t, s)
	for range 3 {
		c.must("APPEND Junk {17+}\r\nSubject: a\r\n\r\nb\r\n")
	}
	m := s.db.Mailboxes()
	if err := m.MarkJunk(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	c.must("APPEND Junk {17+}\r\nSubject: c\r\n\r\nd\r\n")
	c.must("SELECT Junk")
	waits.must("SELECT Junk")
	waits.send("i1 IDLE")
	wantPrefix(t, "idle", waits.line(), "+ ")
	if err := m.SweepJunk(t.Context(), now.Add(time.Hour), func(int64, mailbox.Use) time.Time { return now.Add(time.Hour) }, s.Changes.Notify); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if line := waits.line(); !strings.HasSuffix(line, " EXPUNGE") {
			t.Errorf("to one that waits: %q", line)
		}
	}
	if got := strings.Join(c.must("NOOP"), "\n"); strings.Count(got, "EXPUNGE") != 3 {
		t.Errorf("got:\n%s", got)
	}
	if got := strings.Join(c.must("FETCH 1 UID"), "\n"); !strings.Contains(got, "UID 4") {
		t.Errorf("got:\n%s", got)
	}
}
