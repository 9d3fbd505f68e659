package imap_test

import (
	"strings"
	"testing"
)

// An APPEND to a folder that is deleted while its message comes does not end in its owner's inbox:
// it is refused, with the hint of RFC 9051 §6.3.12.
func TestAppendIntoDeletedFolder(t *testing.T) {
	s := start(t, sharing)
	ann, bob := login(t, s), loginAs(t, s, "bob")
	m := s.db.Mailboxes()
	for _, name := range []string{"gone", "renamed"} {
		ann.must("CREATE " + name)
		ann.must("SETACL " + name + " bob@example.org lrswipkxte")
	}
	s.bodies.before = func() {
		if err := m.DeleteFolder(t.Context(), 1, "gone"); err != nil {
			t.Error(err)
		}
		if err := m.RenameFolder(t.Context(), 1, "renamed", "other"); err != nil {
			t.Error(err)
		}
		s.bodies.before = nil
	}
	if got := bob.do("APPEND Shared/ann@example.org/gone {17+}\r\nSubject: a\r\n\r\nb\r\n"); !strings.Contains(strings.Join(got, "\n"), "NO [TRYCREATE]") {
		t.Errorf("got %q", got)
	}
	s.bodies.before = func() { m.RenameFolder(t.Context(), 1, "other", "again"); s.bodies.before = nil }
	ann.must("APPEND other {17+}\r\nSubject: a\r\n\r\nb\r\n")
	for name, want := range map[string]int64{"INBOX": 0, "again": 1} {
		if f, err := m.Folder(t.Context(), 1, name); err != nil || f.Messages != want {
			t.Errorf("%s has %d messages, %v", name, f.Messages, err)
		}
	}
}
