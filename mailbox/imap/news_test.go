package imap_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// inbox logs in, fills the inbox with n messages and selects it.
func inbox(t *testing.T, s *server, n int) *client {
	t.Helper()
	c := login(t, s)
	for range n {
		c.must("APPEND INBOX {17+}\r\nSubject: a\r\n\r\nb\r\n")
	}
	c.must("SELECT INBOX")
	return c
}

// flag changes the inbox's flags as somebody whose hint has not come yet.
func (s *server) flag(t *testing.T, set mailbox.UIDSet, flags mailbox.System) {
	t.Helper()
	f, err := s.db.Mailboxes().Folder(t.Context(), 1, mailbox.Inbox)
	if err != nil {
		t.Fatal(err)
	}
	change := mailbox.FlagChange{How: mailbox.Add, Flags: mailbox.Flags{System: flags}}
	if _, err := s.db.Mailboxes().SetFlags(t.Context(), f.ID, set, change); err != nil {
		t.Fatal(err)
	}
}

// A silent STORE is silent on what it did itself, not on what others did
// (RFC 9051 §6.4.6).
func TestSilentStoreTellsOthersFlags(t *testing.T) {
	s := start(t)
	c := inbox(t, s, 2)
	s.flag(t, mailbox.UIDSet{{First: 1, Last: 1}}, mailbox.Flagged)
	got := append(c.must(`STORE 1:2 +FLAGS.SILENT (\Seen)`), c.must("NOOP")...)
	all := strings.Join(got, "\n")
	if !strings.Contains(all, `* 1 FETCH (FLAGS (\Seen \Flagged))`) || strings.Contains(all, "* 2 FETCH") {
		t.Errorf("got:\n%s", all)
	}
}

// With a MODSEQ goes what it stands for: a client asks no more for what is below.
func TestModSeqComesWithItsFlags(t *testing.T) {
	s := start(t)
	c := inbox(t, s, 1)
	c.must("NOOP") // has just asked the store
	s.flag(t, mailbox.UIDSet{{First: 1, Last: 1}}, mailbox.Flagged)
	got := strings.Join(c.must("FETCH 1 (FLAGS MODSEQ)"), "\n")
	if strings.Contains(got, "MODSEQ (3)") && !strings.Contains(got, `\Flagged`) {
		t.Errorf("got:\n%s", got)
	}
}

// Once CONDSTORE is on, flags come with their MODSEQ whatever changed them
// (RFC 7162 §3.1).
func TestReadingTellsModSeq(t *testing.T) {
	s := start(t)
	c := login(t, s)
	c.must("APPEND INBOX {17+}\r\nSubject: a\r\n\r\nb\r\n")
	c.must("SELECT INBOX (CONDSTORE)")
	got := strings.Join(c.must("FETCH 1 BODY[TEXT]"), "\n")
	if !strings.Contains(got, `FLAGS (\Seen) MODSEQ (3)`) {
		t.Errorf("got:\n%s", got)
	}
}

// The inbox can't be deleted, and stays selected.
func TestDeleteRefusedKeepsSelected(t *testing.T) {
	c := inbox(t, start(t), 1)
	wantPrefix(t, "delete", last(c.do("DELETE INBOX")), "x1 NO [CANNOT]")
	wantPrefix(t, "fetch", last(c.do("FETCH 1 FLAGS")), "x1 OK")
}

// A SELECT that fails leaves nothing selected, whatever was wrong with the name
// (RFC 9051 §6.3.2).
func TestSelectImpossibleNameDeselects(t *testing.T) {
	c := inbox(t, start(t), 1)
	got := c.do(`SELECT "a//b"`)
	wantPrefix(t, "select", last(got), "x1 NO [CANNOT]")
	if got[0] != "* OK [CLOSED] Previous mailbox is closed" {
		t.Errorf("select: got %q", got)
	}
	wantPrefix(t, "fetch", last(c.do("FETCH 1 FLAGS")), "x1 BAD Select")
}

// Who waits in IDLE in a folder that is deleted hears one BYE, and the end.
func TestIdleEndsWithItsFolder(t *testing.T) {
	s := start(t, func(s *imap.Server) { s.Limits.Poll = 10 * time.Millisecond })
	c := login(t, s)
	c.must("CREATE gone")
	c.must("SELECT gone")
	c.send("x1 IDLE")
	wantPrefix(t, "idle", c.line(), "+ ")
	if err := s.db.Mailboxes().DeleteFolder(t.Context(), 1, "gone"); err != nil {
		t.Fatal(err)
	}
	wantPrefix(t, "news", c.line(), "* BYE [UNAVAILABLE] The selected")
	wantPrefix(t, "then", c.line(), "<closed>")
}

// What one FETCH decodes is bounded together, however many sections it names.
func TestBinarySectionsShareABound(t *testing.T) {
	s := start(t, func(s *imap.Server) { s.Limits.Append = 32 << 20 })
	c := login(t, s)
	var m bytes.Buffer
	m.WriteString("Content-Transfer-Encoding: base64\r\nContent-Type: application/octet-stream\r\n\r\n")
	line := base64.StdEncoding.EncodeToString(make([]byte, 57)) + "\r\n"
	m.WriteString(strings.Repeat(line, 8<<20/57))
	c.must(fmt.Sprintf("APPEND INBOX {%d+}\r\n%s", m.Len(), m.String()))
	c.must("SELECT INBOX")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := last(c.do("FETCH 1 (" + strings.TrimSpace(strings.Repeat("BINARY.PEEK[1]<0.1> ", 20)) + ")"))
	runtime.ReadMemStats(&after)
	wantPrefix(t, "fetch", got, "x1 NO [LIMIT]")
	if used := after.TotalAlloc - before.TotalAlloc; used > 600<<20 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
	wantPrefix(t, "sizes", last(c.do("FETCH 1 ("+strings.TrimSpace(strings.Repeat("BINARY.SIZE[1] ", 10))+")")), "x1 OK")
}

// Each pattern is held against each name, so there may not be any number.
func TestListPatternsAreBounded(t *testing.T) {
	c := login(t, start(t))
	wantPrefix(t, "many", last(c.do(`LIST "" (`+strings.TrimSpace(strings.Repeat("* ", 100))+`)`)), "x1 OK")
	wantPrefix(t, "too many", last(c.do(`LIST "" (`+strings.TrimSpace(strings.Repeat("* ", 20_000))+`)`)), "x1 BAD Too many")
}

// rowsAtOnce notes the most rows that one call read.
type rowsAtOnce struct {
	imap.Store
	most int
}

func (r *rowsAtOnce) Messages(ctx context.Context, folder int64, set mailbox.UIDSet, part mailbox.Part) ([]mailbox.Message, error) {
	all, err := r.Store.Messages(ctx, folder, set, part)
	r.most = max(r.most, len(all))
	return all, err
}

// The highest MODSEQ of a large result is found a few rows at a time.
func TestSearchModSeqReadsFewRowsAtOnce(t *testing.T) {
	rows := &rowsAtOnce{}
	s := start(t, func(s *imap.Server) { rows.Store, s.Store = s.Store, rows })
	c := inbox(t, s, 400)
	got := strings.Join(c.must("SEARCH RETURN (COUNT) MODSEQ 1"), "\n")
	if !strings.Contains(got, "COUNT 400 MODSEQ 401") || rows.most > 256 {
		t.Errorf("read %d rows at once:\n%s", rows.most, got)
	}
}
