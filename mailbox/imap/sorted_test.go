package imap_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"gatepost/mailbox/imap"
)

// sorters note what they hear.
type sorters struct {
	mu    sync.Mutex
	heard []string
}

// Sorted implements imap.Sorter.
func (s *sorters) Sorted(one imap.Sorted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, fmt.Sprintf("%d %s: %s to %s %s", one.Box, one.Address, one.From.Name, one.To.Name, one.UIDs))
}

// What an owner moves, or copies, is told with its UIDs in the folder that it came into;
// what fails, or stays where it is, is not.
func TestSorted(t *testing.T) {
	said := &sorters{}
	c := login(t, start(t, func(s *imap.Server) { s.Sorter = said }))
	for range 4 {
		c.must("APPEND INBOX {17+}\r\nSubject: a\r\n\r\nb\r\n")
	}
	c.must("APPEND Junk {17+}\r\nSubject: c\r\n\r\nd\r\n")
	c.must("SELECT INBOX")
	c.must("MOVE 1:2 Junk")
	c.must("UID COPY 3 Junk")
	c.must("UID MOVE 99 Junk")
	c.must("COPY 1 INBOX")
	c.do("MOVE 1 Nowhere")
	c.must("SELECT Junk")
	c.must("UID MOVE 2 INBOX")
	want := "1 ann@example.org: INBOX to Junk 2:3\n1 ann@example.org: INBOX to Junk 4\n1 ann@example.org: Junk to INBOX 6"
	if got := strings.Join(said.heard, "\n"); got != want {
		t.Errorf("heard\n%s\nwant\n%s", got, want)
	}
}

// What an owner brings into a folder that lists senders is noted in the commit that brings it; what
// another brings there, or the program itself by APPEND, is not.
func TestListingMovesAreNoted(t *testing.T) {
	s := start(t, sharing)
	ann, bob := login(t, s), loginAs(t, s, "bob")
	ann.must("CREATE Filters/Allow")
	ann.must("SETACL INBOX bob@example.org lrswipkxte")
	ann.must("SETACL Filters/Allow bob@example.org lrswipkxtea")
	for range 3 {
		ann.must("APPEND INBOX {17+}\r\nSubject: a\r\n\r\nb\r\n")
	}
	ann.must("APPEND Filters/Allow {17+}\r\nSubject: a\r\n\r\nb\r\n")
	bob.must("SELECT Shared/ann@example.org/INBOX")
	bob.must("UID COPY 1 Shared/ann@example.org/Filters/Allow")
	m := s.db.Mailboxes()
	if list, err := m.ListingMoves(t.Context(), now); err != nil || len(list) != 0 {
		t.Errorf("noted: %+v, %v", list, err)
	}
	ann.must("SELECT INBOX")
	ann.must("UID MOVE 2:3 Filters/Allow")
	list, err := m.ListingMoves(t.Context(), now)
	if err != nil || len(list) != 1 || list[0].UIDs().String() != "3:4" || list[0].Before != 0 {
		t.Errorf("noted: %+v, %v", list, err)
	}
}
