package imap_test

import (
	"fmt"
	"strings"
	"testing"

	"gatepost/internal/store"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// Of pages that were made before anybody asked a FETCH answers what it answers from messages, and needs no content.
func TestPagesMadeAhead(t *testing.T) {
	for engine, open := range engines {
		t.Run(engine, func(t *testing.T) { testPagesMadeAhead(t, open(t)) })
	}
}

func testPagesMadeAhead(t *testing.T, db *store.DB) {
	shared := &bodies{all: map[blobID][]byte{}}
	s := startOn(t, db, shared, func(s *imap.Server) { s.Log, s.Auth = quiet(), users{"ann@example.org": 1} })
	c := login(t, s)
	const last = 3*mailbox.PageUIDs - 1 // of those whose blocks are whole
	for i := range last + 9 {
		text := pagedMessage(i)
		c.must(fmt.Sprintf("APPEND INBOX {%d+}\r\n%s", len(text), text))
	}
	c.must("SELECT INBOX")
	c.must(`STORE 70:80 +FLAGS.SILENT (\Deleted)`)
	c.must("EXPUNGE")
	whole := fmt.Sprintf("UID FETCH 1:%d ", last)
	var want []string
	for _, pair := range asked[:5] {
		want = append(want, plainly(c.must(whole+"("+pair[1]+")")))
	}
	searches := []string{"SUBJECT number", "FROM A. 66:68", "SENTSINCE 1-Mar-2026", "1:9,30,77:* LARGER 500", "BODY body SUBJECT second", "OR TEXT long SUBJECT 19"}
	var hits []string
	for _, q := range searches {
		hits = append(hits, strings.Join(c.must("UID SEARCH " + q)[:1], ""))
	}
	sorts := []string{
		"THREAD REFERENCES UTF-8 UID 1:%d", "SORT (SUBJECT REVERSE DATE) UTF-8 UID 1:%d NOT UID 20:30,64", "SORT (REVERSE SIZE ARRIVAL) UTF-8 UID 1:%d", "THREAD ORDEREDSUBJECT UTF-8 UID 1:%d",
	}
	var order []string
	for i, q := range sorts {
		sorts[i] = fmt.Sprintf("UID "+q, last)
		order = append(order, c.must(sorts[i])[0])
	}
	if !strings.Contains(order[0], "(1 2)") || !strings.Contains(order[0], "(6 7)") {
		t.Fatalf("nothing refers to anything: %s", order[0])
	}
	rows := db.Mailboxes()
	maker := imap.PageMaker{Store: rows, Bodies: shared}
	batch, err := rows.TextBatch(t.Context(), 1, 2*last)
	check(t, err)

	shared.fail = fmt.Errorf("not to be read")
	if err := maker.Make(t.Context(), batch); err == nil {
		t.Error("no error of contents that can't be read")
	}
	shared.fail = nil
	check(t, maker.Make(t.Context(), batch))

	shared.fail = fmt.Errorf("no content is needed")
	for _, kind := range []mailbox.PageKind{1, 2, 3, 5} {
		if left, err := rows.Unpaged(t.Context(), batch, kind); err != nil || len(left) > 0 {
			t.Errorf("left of kind %d: %v, %v", kind, left, err)
		}
	}
	check(t, maker.Make(t.Context(), batch)) // has nothing left to do
	for i, pair := range asked[:5] {
		if got := plainly(c.must(whole + "(" + pair[0] + ")")); got != want[i] {
			t.Errorf("FETCH (%s):\n got %.300q\nwant %.300q", pair[0], got, want[i])
		}
	}
	for i, q := range sorts {
		if got := c.must(q)[0]; got != order[i] {
			t.Errorf("%s:\n got %s\nwant %s", q, got, order[i])
		}
	}
	shared.fail = nil
	for i, q := range searches {
		if got := strings.Join(c.must("UID SEARCH " + q)[:1], ""); got != hits[i] {
			t.Errorf("SEARCH %s:\n got %s\nwant %s", q, got, hits[i])
		}
	}
	check(t, db.Check(t.Context(), func(format string, args ...any) {
		if strings.Contains(format, "page") {
			t.Errorf(format, args...)
		}
	}))
}
