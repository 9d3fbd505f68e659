package imap_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"gatepost/internal/directory"
	"gatepost/internal/intake"
	"gatepost/internal/journal"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// auditor writes down what is done with archives.
type auditor struct {
	mu   sync.Mutex
	acts []string
	err  error
}

func (a *auditor) Audit(_ context.Context, box int64, who, what, about string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.acts = append(a.acts, fmt.Sprintf("%d %s %s %s", box, who, what, about))
	return a.err
}

// taken returns what was written down since the last time.
func (a *auditor) taken() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { a.acts = nil }()
	return strings.Join(a.acts, "\n")
}

const month = "Shared/_archive@example.org/In/2026-03"

// openArchive gives bob, box 2, the archive that is box 4, with one message.
func openArchive(t *testing.T, s *server) {
	t.Helper()
	ctx := t.Context()
	var boxes []directory.Change
	for _, name := range []mail.Path{"ann", "bob", "sales", "_archive"} {
		m := directory.Mailbox{Address: name + "@example.org", State: directory.Active, Created: now}
		if name == "_archive" {
			m.State = directory.Archive
		}
		boxes = append(boxes, directory.Change{Mailbox: &m})
	}
	if err := s.db.Directory().Apply(ctx, 0, boxes); err != nil {
		t.Fatal(err)
	}
	content := "Subject: secret\r\n\r\nbody\r\n"
	id, err := s.bodies.Put(ctx, strings.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	d := mailbox.Prepare(4, mailbox.RecordFolder(mailbox.In, now), mail.NewMessage([]byte(content)), now)
	d.Blob, d.Record = string(id), true
	c := &intake.Commit{Records: []*mailbox.Delivery{&d}, Row: &journal.Row{ID: "tx", Time: now}}
	if err := s.db.Commit(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Mailboxes().OpenArchive(ctx, mailbox.Opening{Box: 4, Reader: 2, Since: now}, mailbox.Act{Domain: "example.org", Time: now}); err != nil {
		t.Fatal(err)
	}
}

// An archive that is open to somebody is a folder as others are, of which nothing can be changed,
// and what is looked at there is written down before it is shown.
func TestArchive(t *testing.T) {
	a := &auditor{}
	s := start(t, sharing, func(s *imap.Server) { s.Auditor, s.Log = a, quiet() })
	openArchive(t, s)
	bob := loginAs(t, s, "bob")
	bob.must("CREATE Case")
	for _, step := range []struct{ command, answer, act string }{
		{`LIST "" Shared/*/2026-03`, month, ""},
		{"MYRIGHTS " + month, "lr", ""},
		{"STATUS " + month + " (MESSAGES UNSEEN)", "MESSAGES 1", ""},
		{"SELECT " + month, "[READ-ONLY]", "select In/2026-03"},
		{"FETCH 1 (UID FLAGS RFC822.SIZE INTERNALDATE)", "RFC822.SIZE 25", ""},
		{"FETCH 1 ENVELOPE", `"secret"`, "list In/2026-03: UID 1"},
		{"FETCH 1 (BODY[TEXT])", "body", "read In/2026-03: UID 1"},
		{"FETCH 1 PREVIEW", "body", "read In/2026-03: UID 1"},
		{`UID SEARCH TEXT "body" SINCE 1-Jan-2026`, "1", `search In/2026-03: UID SEARCH TEXT "body" SINCE 1-Jan-2026`},
		{"SORT (SUBJECT) UTF-8 ALL", "SORT 1", "search In/2026-03: SORT UTF-8 ALL"},
		{"COPY 1 Case", "COPYUID", "copy In/2026-03: UID 1 to Case"},
	} {
		answer := strings.Join(bob.must(step.command), "\n")
		if !strings.Contains(answer, step.answer) {
			t.Errorf("%s: got %s", step.command, answer)
		}
		want := step.act
		if want != "" {
			want = "4 bob@example.org " + want
		}
		if got := a.taken(); got != want {
			t.Errorf("%s: noted %q, want %q", step.command, got, want)
		}
	}
	for _, command := range []string{
		`STORE 1 +FLAGS (\Seen)`, `STORE 1 +FLAGS (\Deleted)`, "EXPUNGE", "MOVE 1 Case", "COPY 1 " + month, "APPEND " + month + " {17+}\r\nSubject: a\r\n\r\nb\r\n",
		"DELETE " + month, "RENAME " + month + " x", "CREATE " + month + "/x", "SETACL " + month + " bob@example.org lrswipkxtea", "DELETEACL " + month + " bob@example.org",
	} {
		if status := bob.do(command); !strings.Contains(status[len(status)-1], " NO ") {
			t.Errorf("%s: got %s", command, status)
		}
	}
	if answer := bob.must("FETCH 1 FLAGS"); slices.ContainsFunc(answer, func(line string) bool { return strings.Contains(line, "Seen") }) {
		t.Errorf("a flag was set: %s", answer)
	}
	a.err = errors.New("no disk")
	for _, command := range []string{"FETCH 1 BODY[]", "SEARCH TEXT body", "SELECT " + month} {
		if status := strings.Join(bob.do(command), "\n"); !strings.Contains(status, " NO ") || strings.Contains(status, "secret") {
			t.Errorf("%s, and it can't be noted: got %s", command, status)
		}
	}
	ann := loginAs(t, s, "ann")
	if status := strings.Join(ann.do("SELECT "+month), "\n"); !strings.Contains(status, "NONEXISTENT") {
		t.Errorf("ann, to whom it is not open: got %s", status)
	}
}

// Where nobody notes what is read, nobody reads.
func TestArchiveWithoutAuditor(t *testing.T) {
	s := start(t, sharing)
	openArchive(t, s)
	bob := loginAs(t, s, "bob")
	if status := strings.Join(bob.do("EXAMINE "+month), "\n"); !strings.Contains(status, "NOPERM") {
		t.Errorf("got %s", status)
	}
}
