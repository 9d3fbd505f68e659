package imap_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/internal/blob"
	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
	"gatepost/quarantine"
)

// withHeld has a server know of held messages.
func withHeld(t testing.TB) *server {
	t.Helper()
	return start(t, releasing)
}

// releasing has start put the server itself where held messages are released.
func releasing(s *imap.Server) { s.Releaser = (*server)(nil) }

// hold makes a held message of ann's; its subject is its id. "virus" is guarded.
func (s *server) hold(t testing.TB, subject string) {
	t.Helper()
	s.mailboxRows(t)
	body := "From: spam@example.com\r\nSubject: " + subject + "\r\n\r\nbuy\r\n"
	id, err := s.bodies.Put(t.Context(), strings.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	view := mail.View{Prefix: []byte("Received: by mx.example.org\r\n")}
	h := &quarantine.Held{
		ID: subject, Tx: subject, Box: 1, Recipient: "ann@example.org", Domain: "example.org", Subject: subject, Blob: string(id), View: view, Size: view.Size(int64(len(body))),
		Guarded: subject == "virus", Time: now, Expires: now.Add(time.Hour), State: quarantine.StateHeld,
	}
	if err := s.db.Commit(t.Context(), &intake.Commit{Held: []*quarantine.Held{h}, Row: &journal.Row{ID: subject, Time: now}}); err != nil {
		t.Fatal(err)
	}
}

// mailboxRows makes the mailboxes that mail may be held for.
func (s *server) mailboxRows(t testing.TB) {
	t.Helper()
	err := s.db.Directory().Apply(t.Context(), 0, []directory.Change{{Mailbox: &directory.Mailbox{Address: "ann@example.org"}}, {Mailbox: &directory.Mailbox{Address: "bob@example.org"}}})
	if err != nil && !errors.Is(err, directory.ErrMoved) {
		t.Fatal(err)
	}
}

// giveUp ends a hold.
func (s *server) giveUp(t testing.TB, subject string) {
	t.Helper()
	if _, err := s.db.Quarantine().Settle(t.Context(), subject, quarantine.Act{Who: "admin", What: quarantine.StateDeleted, When: now}, nil); err != nil {
		t.Fatal(err)
	}
	s.Changes.Notify(1)
}

// Release implements imap.Releaser. What is called "stuck" can't be released.
func (s *server) Release(ctx context.Context, id, address string) error {
	if id == "stuck" {
		return errors.New("stuck")
	}
	h, err := s.db.Quarantine().Show(ctx, id)
	if err != nil {
		return err
	}
	content, err := s.bodies.Open(ctx, blob.ID(h.Blob))
	if err != nil {
		return err
	}
	view := h.View
	view.Prefix = append([]byte("X-Released: yes\r\n"), view.Prefix...)
	d := mailbox.Prepare(1, "", view.Message(mail.NewSpooled(content, content.Size())), now)
	_, err = s.db.Quarantine().Settle(ctx, id, quarantine.Act{Who: address, What: quarantine.StateReleased, When: now},
		&quarantine.Delivery{View: view, Size: d.Size, Time: now, Envelope: d.Envelope, BodyStructure: d.BodyStructure})
	if errors.Is(err, quarantine.ErrNotHeld) {
		return fmt.Errorf("%w: %w", imap.ErrNotHeld, err)
	}
	s.Changes.Notify(1)
	return err
}

// A session that waits on the folder hears of holds that begin and end, whoever ends them
// (RFC 2177), and MOVE of many tells as it goes.
func TestHeldAreToldOf(t *testing.T) {
	s := withHeld(t)
	c, waits := login(t, s), login(t, s)
	for n := range 100 {
		s.hold(t, fmt.Sprintf("m%03d", n))
	}
	waits.must("SELECT Quarantine")
	waits.send("i1 IDLE")
	wantPrefix(t, "idle", waits.line(), "+ ")
	s.giveUp(t, "m041")
	if got := waits.line(); got != "* 42 EXPUNGE" {
		t.Errorf("got %q", got)
	}
	c.must("SELECT Quarantine")
	s.hold(t, "late")
	s.Changes.Notify(1)
	if got := waits.line(); got != "* 100 EXISTS" {
		t.Errorf("got %q", got)
	}
	s.giveUp(t, "m000") // c has not heard
	got := c.must("UID MOVE 1:* INBOX")
	if n := strings.Count(strings.Join(got, "\n"), " EXPUNGE"); n != 99 {
		t.Errorf("%d of 99 are told to be gone:\n%s", n, strings.Join(got, "\n"))
	}
	for n := range 99 {
		if got := waits.line(); !strings.HasSuffix(got, " EXPUNGE") {
			t.Fatalf("after %d: %q", n, got)
		}
	}
	if got := strings.Join(c.must("STATUS INBOX (MESSAGES)"), "\n"); !strings.Contains(got, "MESSAGES 98") {
		t.Errorf("got %s", got)
	}
}

// A folder that somebody has made under that name stays his, with what is beneath it.
func TestHeldBesideAFolderOfTheName(t *testing.T) {
	s := withHeld(t)
	m := s.db.Mailboxes()
	if err := m.OpenBox(t.Context(), 1, "", now); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Quarantine/old", "Quarantine 2"} {
		if _, err := m.CreateFolder(t.Context(), 1, name, ""); err != nil {
			t.Fatal(err)
		}
	}
	s.hold(t, "offer")
	for range 2 { // it is made once
		c := login(t, s)
		c.must("CREATE Quarantine/new")
		c.must("DELETE Quarantine/new")
		got := strings.Join(c.must(`LIST "" "Q*" RETURN (STATUS (MESSAGES))`), "\n")
		want := `* LIST (\HasChildren) "/" "Quarantine"
* STATUS "Quarantine" (MESSAGES 0)
* LIST (\HasNoChildren) "/" "Quarantine 2"
* STATUS "Quarantine 2" (MESSAGES 0)
* LIST (\HasNoChildren) "/" "Quarantine 3"
* STATUS "Quarantine 3" (MESSAGES 1)
* LIST (\HasNoChildren) "/" "Quarantine/old"
* STATUS "Quarantine/old" (MESSAGES 0)
x1 OK LIST completed`
		if got != want {
			t.Errorf("got:\n%s", got)
		}
	}
}
