package imap_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"gatepost/internal/store"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// pagedMessage has much that a list of messages may show, from number 204 on some of it too much for a page.
func pagedMessage(i int) string {
	lines := []string{
		"Received: from a by b;\r\n now", fmt.Sprintf("Subject: number %d\r\n  folded", i), "X-Other: x", "FROM: \"A. N\" <a@example.org>", "To: b@example.org, c@example.org",
		"DKIM-Signature: v=1; b=abc", "Date : Mon, 2 Mar 2026 10:00:00 +0100", "Message-ID: <" + fmt.Sprint(i) + "@x>", "Content-Type: text/plain",
	}
	switch i % 5 {
	case 1:
		lines = append(lines, "Subject: a second\tone", "Cc:", fmt.Sprintf("References: <none@x>\r\n <%d@x>", i-1))
	case 2:
		lines[1] = "Subject: h\xc3\xa9llo \xff"
	case 3:
		lines = append([]string{"no field"}, lines[4:]...)
	case 4:
		lines = append(lines, "References: <"+strings.Repeat("long", i+i/204*5000)+"@x>")
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\nbody\r\n"
}

// asked are commands that pages can answer, each with one that they can't, as it asks for MODSEQ, some for a field
// besides that no message has.
var asked = [][2]string{
	{"ENVELOPE", "ENVELOPE MODSEQ"},
	{"UID RFC822.SIZE INTERNALDATE FLAGS EMAILID SAVEDATE ENVELOPE", "UID RFC822.SIZE INTERNALDATE FLAGS EMAILID SAVEDATE ENVELOPE MODSEQ"},
	{"ENVELOPE BODYSTRUCTURE", "ENVELOPE BODYSTRUCTURE MODSEQ"},
	{"BODY", "BODY MODSEQ"},
	{"BODY.PEEK[HEADER.FIELDS (From To Cc Subject Date)]", "BODY.PEEK[HEADER.FIELDS (From To Cc Subject Date X-None)] MODSEQ"},
	{"ENVELOPE BODY.PEEK[HEADER.FIELDS (references subject dkim-signature)]", "ENVELOPE BODY.PEEK[HEADER.FIELDS (references subject dkim-signature x-none)] MODSEQ"},
	{"BODY.PEEK[HEADER.FIELDS (SUBJECT)]<3.9> BODY.PEEK[HEADER.FIELDS (Cc)] BODY.PEEK[HEADER.FIELDS (From)]<500.2>", "BODY.PEEK[HEADER.FIELDS (SUBJECT X-NONE)]<3.9> BODY.PEEK[HEADER.FIELDS (Cc X-None)] BODY.PEEK[HEADER.FIELDS (From X-None)]<500.2> MODSEQ"},
	{"UID BODY.PEEK[]", "UID BODY.PEEK[] MODSEQ"},
	{"ENVELOPE BODY.PEEK[TEXT]<2.3> BODY.PEEK[HEADER.FIELDS (X-Other)]", "ENVELOPE BODY.PEEK[TEXT]<2.3> BODY.PEEK[HEADER.FIELDS (X-Other)] MODSEQ"},
}

var modseqTold = regexp.MustCompile(`MODSEQ \(\d+\) ?`)

// plainly is an answer without what the second of a pair of commands has more.
func plainly(lines []string) string {
	text := strings.Join(lines[:len(lines)-1], "\n")
	for _, more := range []string{" X-None", " x-none", " X-NONE"} {
		text = strings.ReplaceAll(text, more, "")
	}
	return modseqTold.ReplaceAllString(text, "")
}

// What a FETCH answers is the same before there are pages, from pages, and by the messages themselves, whatever
// happens to the folder; and pages need no content.
func TestPagesAnswerAsMessagesDo(t *testing.T) {
	for engine, open := range engines {
		t.Run(engine, func(t *testing.T) { testPages(t, open(t)) })
	}
}

func testPages(t *testing.T, db *store.DB) {
	shared := &bodies{all: map[blobID][]byte{}}
	change := func(s *imap.Server) { s.Log, s.Auth = quiet(), users{"ann@example.org": 1} }
	one, other := startOn(t, db, shared, change), startOn(t, db, shared, change)
	a, b := one.dial(t), other.dial(t)
	for _, c := range []*client{a, b} {
		c.must("LOGIN ann@example.org secret")
	}
	const all = 4*mailbox.PageUIDs + 9
	for i := range all {
		text := pagedMessage(i)
		a.must(fmt.Sprintf("APPEND INBOX (%s) {%d+}\r\n%s", []string{"", `\Seen`}[i%2], len(text), text))
	}
	for _, c := range []*client{a, b} {
		c.must("SELECT INBOX")
	}
	compare := func(when string, sets ...string) {
		t.Helper()
		for _, set := range sets {
			for _, pair := range asked {
				want := plainly(a.must("FETCH " + set + " (" + pair[1] + ")"))
				for range 2 { // the first one makes pages
					got := plainly(b.must("FETCH " + set + " (" + pair[0] + ")"))
					for i, line := range strings.Split(want, "\n") {
						if !strings.HasPrefix(got, line) {
							t.Fatalf("%s, FETCH %s (%s), line %d:\n got %.200q\nwant %q", when, set, pair[0], i, got, line)
						}
						got = strings.TrimPrefix(got[len(line):], "\n")
					}
				}
			}
		}
	}
	sets := []string{"1:*", "5", "3:90", "1:62,64:70,100,200:*", "60:130,131,133"}
	compare("at first", sets...)

	shared.fail = fmt.Errorf("no content is needed")
	b.must(fmt.Sprintf("UID FETCH 1:%d (FLAGS ENVELOPE BODY BODY.PEEK[HEADER.FIELDS (From To Date)])", 3*mailbox.PageUIDs-1))
	b.must("UID FETCH 64:100 (BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (Dkim-Signature)])")
	shared.fail = nil

	b.must(`UID STORE 7,70:74,260 +FLAGS (\Deleted \Flagged)`)
	a.must("UID EXPUNGE 70:72")
	for _, c := range []*client{a, b} {
		c.must("NOOP")
	}
	compare("after an expunge", sets...)
	b.must("EXPUNGE")
	a.must("NOOP")
	compare("after another", sets...)
	a.must("CREATE Away")
	a.must("UID MOVE 128:191 Away")
	b.must("NOOP")
	compare("after a move", "1:*", "3:90", "60:130")
	for _, c := range []*client{a, b} {
		c.must("SELECT Away")
	}
	compare("in another folder", "1:*", "1:63")
	check(t, db.Check(t.Context(), func(format string, args ...any) {
		if strings.Contains(format, "page") {
			t.Errorf(format, args...)
		}
	}))
}

// An expunge that a session was not told of leaves nothing of the message in what it is answered.
func TestPagesOfExpunged(t *testing.T) {
	s := start(t)
	a, b := s.dial(t), s.dial(t)
	for _, c := range []*client{a, b} {
		c.must("LOGIN ann@example.org secret")
	}
	for i := range mailbox.PageUIDs + 1 {
		text := pagedMessage(i)
		a.must(fmt.Sprintf("APPEND INBOX {%d+}\r\n%s", len(text), text))
	}
	for _, c := range []*client{a, b} {
		c.must("SELECT INBOX")
		c.must("FETCH 1:* ENVELOPE")
	}
	a.must(`STORE 20 +FLAGS.SILENT (\Deleted)`)
	a.must("EXPUNGE")
	lines := b.do("FETCH 1:* ENVELOPE")
	if text := strings.Join(lines, "\n"); strings.Contains(text, "number 19") || !strings.Contains(text, "number 20") || !strings.Contains(lines[len(lines)-1], "EXPUNGEISSUED") {
		t.Errorf("got %s", text)
	}
}
