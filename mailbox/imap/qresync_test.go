package imap_test

import (
	"fmt"
	"strings"
	"testing"
)

// The log of expunges is cut below where two clients left off. One is away and comes back, with and
// without match data (RFC 7162 §3.2.5.2, §5.3); the other's session is open all the time.
func TestResyncBelowTheLog(t *testing.T) {
	s := start(t)
	open := inbox(t, s, 6)
	other := login(t, s)
	other.must("SELECT INBOX")
	for _, uid := range []string{"2", "4", "5"} {
		other.must("UID STORE " + uid + ` +FLAGS.SILENT (\Deleted)`)
		other.must("UID EXPUNGE " + uid)
	}
	check(t, s.db.Mailboxes().ThinExpunged(t.Context(), 1))
	if got := strings.Join(open.must("NOOP"), "\n"); !strings.HasPrefix(got, "* 5 EXPUNGE\n* 4 EXPUNGE\n* 2 EXPUNGE\n") {
		t.Errorf("the open session hears:\n%s", got)
	}
	back := login(t, s)
	back.must("ENABLE QRESYNC")
	for known, want := range map[string]string{
		"7":                     "* VANISHED (EARLIER) 2,4:5",
		"7 1:4":                 "* VANISHED (EARLIER) 2,4",
		"7 1:6 (1,3,4 1,3,4)":   "* VANISHED (EARLIER) 2,4:5", // only the first is where it was
		"7 1:6 (1:2,4 1,3,6)":   "* VANISHED (EARLIER) 4:5",
		"7 1:6 (1:3 1,3,6)":     "", // it knows of all
		"7 1:6 (900,901 7,8)":   "* VANISHED (EARLIER) 2,4:5",
		"10 1:6":                "* VANISHED (EARLIER) 2,4:5",
		"11 1:6":                "* VANISHED (EARLIER) 5", // the log reaches back so far
		"9223372036854775807 1": "",
	} {
		got := ""
		for _, line := range back.must("SELECT INBOX (QRESYNC (1772600768 " + known + "))") {
			if strings.Contains(line, "VANISHED") {
				got += line
			}
		}
		if got != want {
			t.Errorf("(%s): got %q, want %q", known, got, want)
		}
	}
	if got := back.must("UID FETCH 3:* (FLAGS) (CHANGEDSINCE 7 VANISHED)"); got[0] != "* VANISHED (EARLIER) 4:5" {
		t.Errorf("fetch: %q", got)
	}
}

// Who was away while all of a large folder changed is told each message once, in pages.
func TestResyncOfManyMessages(t *testing.T) {
	s := start(t)
	c := inbox(t, s, 1)
	c.must("SELECT INBOX")
	for range 13 { // 8,192, two pages
		c.must("COPY 1:* INBOX")
		c.must("NOOP")
	}
	back := login(t, s)
	back.must("ENABLE QRESYNC")
	told := 0
	for _, line := range back.must("SELECT INBOX (QRESYNC (1772600768 1))") {
		if strings.Contains(line, " FETCH (UID ") {
			told++
			if want := fmt.Sprintf("* %d FETCH (UID %d FLAGS", told, told); !strings.HasPrefix(line, want) {
				t.Fatalf("got %q, want %q", line, want)
			}
		}
	}
	if told != 8192 {
		t.Errorf("told of %d", told)
	}
}
