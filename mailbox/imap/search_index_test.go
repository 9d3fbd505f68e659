package imap_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"gatepost/internal/blob"
	"gatepost/internal/mail"
	"gatepost/mailbox"
	"gatepost/mailbox/imap"
)

// index takes some e-mails of box 1 into the index of texts.
func (s *server) index(t *testing.T, n int) {
	t.Helper()
	rows := s.db.Mailboxes()
	b, err := rows.TextBatch(t.Context(), 1, n)
	check(t, err)
	var list []mailbox.Signature
	for _, e := range b.Emails {
		c, err := s.bodies.Open(t.Context(), blob.ID(e.Blob))
		check(t, err)
		list = append(list, mailbox.SignatureOf(e.View.Message(mail.NewSpooled(c, c.Size())), e.Envelope))
	}
	check(t, rows.PutSignatures(t.Context(), b, list))
}

// indexWords are what the messages of the test are made of, some of them in disguise.
var indexWords = []string{"meeting", "Meeting", "greeting", "Köln", "=?utf-8?q?K=C3=B6ln?=", "straße", "zebra", "ann@example.org", "a b", "xyz", "ee"}

func indexMessage(r *rand.Rand) string {
	word := func() string { return indexWords[r.IntN(len(indexWords))] }
	body := fmt.Sprintf("%s %s\r\n%s", word(), word(), word())
	switch r.IntN(3) {
	case 0:
		body = "\r\n" + body
	case 1:
		body = "Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nK=C3=B6ln mee=\r\nting " + word()
	default:
		body = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX-Part: " + word() + "\r\n\r\n" + body + "\r\n--b\r\nContent-Type: image/png\r\n\r\n" + word() + "\r\n--b--"
	}
	return fmt.Sprintf("From: \"%s, %s\" <%s@example.org>\r\nTo: b@example.net\r\nSubject: %s %s\r\n%s\r\n", "Smith", []string{"Ann", "Bob"}[r.IntN(2)], []string{"ann", "bob"}[r.IntN(2)], word(), word(), body)
}

// With the index of texts SEARCH finds what it finds without: each random search is asked
// while nothing is indexed, while a part is, and when all is.
func TestSearchIndex(t *testing.T) {
	const seed = 8
	r := rand.New(rand.NewPCG(seed, 0))
	s := start(t)
	c := login(t, s)
	const n = 60
	for range n {
		m := indexMessage(r)
		c.must(fmt.Sprintf("APPEND INBOX {%d+}\r\n%s", len(m), m))
	}
	c.must("SELECT INBOX")
	c.must("STORE 3:9 +FLAGS (\\Flagged)")
	var searches []string
	key := func() string {
		needle := []string{"meeting", "MEETING", "eeting", "köln", "KÖLN", "strasse", "zebra", "example.org", "Smith, Ann <ann", "ee", "xyz ", "nothing", "X-Part: zebra"}[r.IntN(13)]
		name := []string{"BODY", "TEXT", "SUBJECT", "FROM", "HEADER Subject", "TEXT", "BODY"}[r.IntN(7)]
		return fmt.Sprintf("%s {%d+}\r\n%s", name, len(needle), needle)
	}
	for range 60 {
		search := "CHARSET UTF-8 "
		switch r.IntN(5) {
		case 0:
			search += fmt.Sprintf("OR %s %s", key(), key())
		case 1:
			search += fmt.Sprintf("NOT %s", key())
		case 2:
			search += fmt.Sprintf("%s FLAGGED NOT %s", key(), key())
		case 3:
			search += fmt.Sprintf("OR (%s %s) %s", key(), key(), key())
		default:
			search += key()
		}
		searches = append(searches, search)
	}
	ask := func() (all []string) {
		for _, search := range searches {
			all = append(all, strings.Join(c.do("SEARCH "+search), "\n"))
		}
		return all
	}
	tagless := func(list []string) (out []string) {
		for _, l := range list {
			first, _, _ := strings.Cut(l, "\n")
			out = append(out, first)
		}
		return out
	}
	want := tagless(ask())
	for _, step := range []int{25, 100} {
		s.index(t, step)
		for i, got := range tagless(ask()) {
			if got != want[i] {
				t.Errorf("seed %d, %d more indexed: SEARCH %s:\n%s\nwant\n%s", seed, step, searches[i], got, want[i])
			}
		}
	}
	found := 0
	for _, l := range want {
		if len(l) > len("* SEARCH") {
			found++
		}
	}
	if found < 20 {
		t.Errorf("only %d searches find anything", found)
	}
}

// An indexed message that does not hold the text is not read.
func TestSearchIndexReadsLittle(t *testing.T) {
	s := start(t)
	c := login(t, s)
	for i := range 20 {
		c.must(fmt.Sprintf("APPEND INBOX {30+}\r\nSubject: a\r\n\r\nviolet no %04d\r\n", i))
	}
	s.index(t, 100)
	c.must("SELECT INBOX")
	s.bodies.mu.Lock()
	s.bodies.fail = fmt.Errorf("not to be read")
	s.bodies.mu.Unlock()
	if got := strings.Join(c.do(`SEARCH BODY "yellow"`), "\n"); !strings.Contains(got, "OK") || !strings.Contains(got, "* SEARCH\n") {
		t.Errorf("got %q", got)
	}
	if got := strings.Join(c.do(`SEARCH BODY "no 0007"`), "\n"); !strings.Contains(got, "NO ") {
		t.Errorf("got %q, the one message is to be read", got)
	}
}

// Messages of any size are looked through to their end, and what one held is not found in the next.
func TestSearchSizes(t *testing.T) {
	s := start(t, func(s *imap.Server) { s.Limits.Append = 2 << 20 })
	c := login(t, s)
	for i, size := range []int{300 << 10, 200 << 10, 0, 300 << 10, 1000} {
		m := "Subject: a\r\n\r\n" + strings.Repeat("0123456789\r\n", size/12) + fmt.Sprintf("Violet %d.\r\n", i+1)
		c.must(fmt.Sprintf("APPEND INBOX {%d+}\r\n%s", len(m), m))
	}
	c.must("SELECT INBOX")
	for text, want := range map[string]string{"violet 1.": "1", "violet 2.": "2", "violet 3.": "3", "violet 4.": "4", "violet 5.": "5", "9\r\nviolet": "", "violet": "1 2 3 4 5"} {
		got := strings.Join(c.do(fmt.Sprintf("SEARCH BODY {%d+}\r\n%s", len(text), text)), "\n")
		if sign := strings.TrimRight("* SEARCH "+want, " ") + "\n"; !strings.HasPrefix(got, sign) {
			t.Errorf("%q: got %q, want %q", text, got, sign)
		}
	}
}
