package imap_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gatepost/mailbox/imap"
)

// A follower knows the UIDs of a folder by what it was told.
type follower struct {
	*client
	uids []string // by sequence number; "" where only EXISTS told of it
}

// follow takes answers in, and complains where a number does not mean what it has to.
func (f *follower) follow(command string, lines []string) {
	f.t.Helper()
	for _, l := range lines {
		w := strings.Fields(l)
		if len(w) < 3 || w[0] != "*" {
			continue
		}
		n, err := strconv.Atoi(w[1])
		if err != nil {
			continue
		}
		switch w[2] {
		case "EXPUNGE":
			f.uids = slices.Delete(f.uids, n-1, n)
		case "EXISTS":
			for len(f.uids) < n {
				f.uids = append(f.uids, "")
			}
		case "FETCH":
			uid := strings.Trim(w[4], "()")
			if f.uids[n-1] == "" {
				f.uids[n-1] = uid
			} else if f.uids[n-1] != uid {
				f.t.Fatalf("%s: %q, but %d is %s", command, l, n, f.uids[n-1])
			}
		}
	}
}

// allOf returns the UIDs and flags that a session finds in its folder.
func allOf(c *client) (uids, flags []string) {
	for _, l := range c.must("FETCH 1:* (UID FLAGS)") {
		if w := strings.Fields(l); len(w) > 4 && w[2] == "FETCH" {
			uids, flags = append(uids, w[4]), append(flags, strings.Join(w[3:], " "))
		}
	}
	return uids, flags
}

// A folder that is too large to be read with SELECT is read later, when others have changed it:
// numbers mean all the same what they meant at SELECT, and all that came since is told.
func TestSelectReadsLater(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 0))
	s := start(t, func(s *imap.Server) { s.Log, s.Limits.Eager = quiet(), 1 })
	writer := login(t, s)
	add := func() { writer.must("APPEND INBOX {17+}\r\nSubject: a\r\n\r\nb\r\n") }
	for range 12 {
		add()
	}
	writer.must("SELECT INBOX")
	first := []string{"NOOP", "FETCH 1:* (UID)", "UID FETCH 1:* (UID)", "UID SEARCH ALL", "CHECK", "UID STORE 1 +FLAGS (k)"}
	for round := range 80 {
		writer.must("NOOP")
		uids, _ := allOf(writer)
		f := &follower{client: login(t, s), uids: uids}
		told := strings.Join(f.must("SELECT INBOX"), "\n")
		if !strings.Contains(told, fmt.Sprintf("* %d EXISTS", len(uids))) {
			t.Fatalf("round %d: %s, want %d", round, told, len(uids))
		}
		for range r.IntN(6) {
			n := r.IntN(len(uids)) + 1
			switch r.IntN(4) {
			case 0, 1:
				add()
			case 2:
				writer.must(fmt.Sprintf("UID STORE %s %sFLAGS (\\Flagged k%d)", uids[n-1], []string{"+", "-"}[r.IntN(2)], round%5))
			default:
				writer.must(fmt.Sprintf("UID STORE %s +FLAGS (\\Deleted)", uids[n-1]))
				writer.must("EXPUNGE")
			}
		}
		command := first[r.IntN(len(first))]
		f.follow(command, f.do(command))
		f.follow("NOOP", f.must("NOOP"))
		f.follow("FETCH", f.must("FETCH 1:* (UID FLAGS)"))
		writer.must("NOOP")
		want, flags := allOf(writer)
		if !slices.Equal(f.uids, want) {
			t.Fatalf("round %d, %s: knows %v, want %v", round, command, f.uids, want)
		}
		if _, got := allOf(f.client); !slices.Equal(got, flags) {
			t.Fatalf("round %d, %s: %v, want %v", round, command, got, flags)
		}
		f.must("LOGOUT")
		for len(want) < 8 {
			add()
			want = append(want, "")
		}
	}
}

// What IDLE tells of a folder that was not read yet.
func TestSelectReadsLaterIdle(t *testing.T) {
	s := start(t, func(s *imap.Server) { s.Limits.Eager = 1 })
	c, writer := login(t, s), login(t, s)
	for range 3 {
		writer.must("APPEND INBOX {17+}\r\nSubject: a\r\n\r\nb\r\n")
	}
	c.must("SELECT INBOX")
	c.send("x2 IDLE")
	wantPrefix(t, "idle", c.line(), "+ idling")
	writer.must("SELECT INBOX")
	writer.must("STORE 2 +FLAGS (\\Deleted)")
	wantPrefix(t, "flags", c.line(), `* 2 FETCH (UID 2 FLAGS (\Deleted))`)
	writer.must("EXPUNGE")
	wantPrefix(t, "expunge", c.line(), "* 2 EXPUNGE")
	writer.must("APPEND INBOX {17+}\r\nSubject: a\r\n\r\nb\r\n")
	wantPrefix(t, "exists", c.line(), "* 3 EXISTS")
	c.send("DONE")
	wantPrefix(t, "done", c.line(), "x2 OK")
	c.must("CLOSE")
}
