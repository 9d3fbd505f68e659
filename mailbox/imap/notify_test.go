package imap_test

import (
	"fmt"
	"strings"
	"testing"
)

// heard waits for a line that comes without a command.
func (c *client) heard(want string) {
	c.t.Helper()
	for line := ""; line != want; {
		if line = c.line(); line == "<closed>" {
			c.t.Fatalf("%q never came", want)
		}
	}
}

func wantHeard(t *testing.T, c *client, what string, want ...string) {
	t.Helper()
	for _, line := range want {
		if got := c.line(); got != line {
			t.Fatalf("%s: heard %q, want %q", what, got, line)
		}
	}
}

// Of what is selected all is told at any time, new messages with what was asked for (RFC 5465
// §5.1 to §5.3).
func TestNotifySelected(t *testing.T) {
	s := start(t)
	c := inbox(t, s, 2)
	other := login(t, s)
	other.must("SELECT INBOX")
	c.must("NOTIFY SET (selected (MessageNew (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)]) MessageExpunge FlagChange))")
	other.must("APPEND INBOX {16+}\r\nSubject: c\r\n\r\nd\n")
	wantHeard(t, c, "new", "* 3 EXISTS", "* 3 FETCH (UID 3 FLAGS () BODY[HEADER.FIELDS (SUBJECT)] {14}", "Subject: c", "", ")")
	other.must(`STORE 1 +FLAGS (\Deleted)`)
	wantHeard(t, c, "flags", `* 1 FETCH (UID 1 FLAGS (\Deleted))`)
	other.must("EXPUNGE")
	wantHeard(t, c, "expunge", "* 1 EXPUNGE")
	// Its own messages come without (RFC 5465 §5.2).
	if got := c.must("APPEND INBOX {1+}\r\nx"); len(got) != 2 || got[0] != "* 3 EXISTS" {
		t.Errorf("own message: %q", got)
	}
	// Delayed: expunges wait for a command (RFC 5465 §6.1.2).
	c.must("NOTIFY SET (selected-delayed (MessageNew MessageExpunge))")
	other.must(`STORE 1 +FLAGS.SILENT (\Deleted)`)
	other.must("EXPUNGE")
	other.must("APPEND INBOX {1+}\r\nx")
	wantHeard(t, c, "delayed", "* 4 EXISTS")
	if got := c.must("NOOP"); got[0] != "* 1 EXPUNGE" {
		t.Errorf("after NOOP: %q", got)
	}
	// None: nothing, until the client asks for it.
	c.must("NOTIFY NONE")
	other.must("APPEND INBOX {1+}\r\nx")
	if got := c.must("SEARCH ALL"); got[0] != "* SEARCH 1 2 3" {
		t.Errorf("after NONE: %q", got)
	}
	if got := c.must("NOOP"); got[0] != "* 4 EXISTS" {
		t.Errorf("after NONE and NOOP: %q", got)
	}
}

// Of other folders the counters are told, the names and the subscriptions (RFC 5465 §5).
func TestNotifyOthers(t *testing.T) {
	s := start(t)
	c, other := inbox(t, s, 1), login(t, s)
	c.must("NOTIFY SET (selected (MessageNew MessageExpunge)) (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))")
	other.must("APPEND Sent {1+}\r\nx")
	wantHeard(t, c, "new", `* STATUS "Sent" (UIDNEXT 2 MESSAGES 1 UIDVALIDITY 1772600770 UNSEEN 1)`)
	other.must("SELECT Sent")
	other.must(`STORE 1 +FLAGS (\Seen \Deleted)`)
	wantHeard(t, c, "flags", `* STATUS "Sent" (UIDVALIDITY 1772600770 UNSEEN 0)`)
	other.must("EXPUNGE")
	wantHeard(t, c, "expunge", `* STATUS "Sent" (UIDNEXT 2 MESSAGES 0 UIDVALIDITY 1772600770 UNSEEN 0)`)
	other.must("APPEND INBOX {1+}\r\nx")
	wantHeard(t, c, "what is selected is no other", "* 2 EXISTS")
	other.must("CREATE a/b")
	wantHeard(t, c, "new folders", `* LIST (\HasChildren) "/" "a"`, `* LIST (\HasNoChildren) "/" "a/b"`)
	other.must("SUBSCRIBE a/b")
	wantHeard(t, c, "subscribed", `* LIST (\HasNoChildren \Subscribed) "/" "a/b"`)
	other.must("RENAME a z")
	wantHeard(t, c, "renamed", `* LIST (\HasChildren) "/" "z" ("OLDNAME" ("a"))`)
	other.must("DELETE z/b")
	wantHeard(t, c, "deleted", `* LIST (\HasNoChildren \NonExistent \Noselect) "/" "z/b"`, `* LIST (\HasNoChildren) "/" "z"`)
	c.send("a1 IDLE")
	c.line()
	other.must("UNSUBSCRIBE Sent")
	wantHeard(t, c, "during IDLE", `* LIST (\HasNoChildren \Sent) "/" "Sent"`)
	c.send("DONE")
	wantPrefix(t, "IDLE", c.line(), "a1 OK")
	c.must("ENABLE CONDSTORE")
	c.must("NOTIFY SET (subtree z (MessageNew MessageExpunge)) (mailboxes Trash (MailboxName))")
	other.must("APPEND Trash {1+}\r\nx")
	other.must("APPEND INBOX {1+}\r\nx")
	other.must("APPEND z {1+}\r\nx")
	if got := c.line(); !strings.HasPrefix(got, `* STATUS "z" (UIDNEXT 2 MESSAGES 1 HIGHESTMODSEQ `) {
		t.Errorf("of what was asked for: %q", got)
	}
}

// Too much at once is not told, and nothing after it (RFC 5465 §5.8).
func TestNotifyOverflow(t *testing.T) {
	s := start(t)
	c := login(t, s)
	c.must("NOTIFY SET (personal (MailboxName))")
	other := s.db.Mailboxes()
	for i := range 600 { // and as many above them
		if _, err := other.CreateFolder(t.Context(), 1, fmt.Sprintf("a%d/b", i), ""); err != nil {
			t.Fatal(err)
		}
	}
	s.Changes.Notify(1)
	c.heard("* OK [NOTIFICATIONOVERFLOW] Too much happened, look for yourself")
	login(t, s).must("CREATE last")
	if got := c.must("NOOP"); len(got) != 1 {
		t.Errorf("after that: %q", got)
	}
	wantPrefix(t, "too many names", last(c.do("NOTIFY SET (mailboxes ("+strings.Repeat("a ", 1000)+"a) (MailboxName))")), "x1 NO [NOTIFICATIONOVERFLOW]")
}

// Others' folders are not watched: who names one hears that nothing of it will come, and keeps what
// it had asked for before (RFC 5465 §5.8). Once selected they are told of.
func TestNotifyOthersFolders(t *testing.T) {
	s := start(t, sharing)
	ann := loginAs(t, s, "ann")
	ann.must("CREATE a")
	ann.must("SETACL a bob@example.org lr")
	bob := loginAs(t, s, "bob")
	for _, group := range []string{
		"(mailboxes " + shared + "a (MessageNew MessageExpunge))", "(subtree Groups (MailboxName))", "(personal (MailboxName)) (subtree Shared (MailboxName))",
	} {
		wantPrefix(t, group, last(bob.do("NOTIFY SET "+group)), "x1 NO [NOTIFICATIONOVERFLOW]")
	}
	bob.must("NOTIFY SET (subtree Shared NONE) (mailboxes Sharedness (MessageNew MessageExpunge))")
	bob.must("SELECT " + shared + "a")
	bob.must("NOTIFY SET (selected (MessageNew MessageExpunge))")
	ann.must("APPEND a {1+}\r\nx")
	bob.heard("* 1 EXISTS")
}
