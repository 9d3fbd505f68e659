package test

import (
	"errors"
	"fmt"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"gatepost/test/load"
)

// A parcel is a message that mail programs have been known to change, with its
// envelope. Where it arrives its content is the same, octet for octet, below what
// those on the way put on top.
type parcel struct {
	name, from string
	to         []string
	content    string // CRLF line ends, not dot-stuffed
	copies     int    // how many the mailbox is to have in the end
}

// parcels are all that the interop tests send from an address to another. box must
// be one whose subaddresses lead to it.
func parcels(from, to string) (list []parcel) {
	local, host, _ := strings.Cut(to, "@")
	add := func(name, header, body string) *parcel {
		head := "From: <" + from + ">\r\nTo: <" + to + ">\r\nDate: Wed, 25 Nov 2026 12:00:00 +0000\r\n" +
			"Message-ID: <" + strings.ReplaceAll(name, " ", "-") + "@" + host + ">\r\nSubject: " + name + "\r\n" + header
		list = append(list, parcel{name: name, from: from, to: []string{to}, content: head + "\r\n" + body, copies: 1})
		return &list[len(list)-1]
	}
	add("plain", "", "hello\r\n")
	add("octets", "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n", "grüße ☃ and latin-1: \xe9\xff\x80\r\n")
	add("undeclared octets", "", "caf\xe9 without a word on it\r\n")
	add("lines of 998", "X-Long: "+strings.Repeat("y", 900)+"\r\n", strings.Repeat(strings.Repeat("x", 998)+"\r\n", 3)+"end\r\n")
	add("dots", "", ".\r\n..\r\n.x\r\n...\r\nnot . here\r\n.\r\n\r\n.\r\n")
	add("no body", "", "")
	add("white space", "X-Folded: one\r\n two\r\n\tthree \r\nX-Tight:x\r\nX-Blank: \r\n", "  \r\n\ttab \t \r\ntrailing   \r\n\r\n\r\n\r\n")
	add("From lines", "", "From here on\r\n>From there\r\n\r\nFrom nobody Thu Jan  1 00:00:00 1970\r\n")
	add("parts", "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n",
		"preamble\r\n--=_b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3D=\r\nb=20\r\n--=_b\r\nContent-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<p>\xfc</p>\r\n--=_b--\r\nepilogue\r\n")
	add("a megabyte", "", strings.Repeat("."+strings.Repeat("0123456789", 7)+"\r\n", 1<<20/73))
	add("nobody wants an answer", "Auto-Submitted: auto-replied\r\n", "a report\r\n").from = ""
	many := add("fifty recipients", "", "to all of you\r\n")
	many.to = nil
	many.copies = 50
	for i := range many.copies {
		many.to = append(many.to, fmt.Sprintf("%s+%d@%s", local, i, host))
	}
	return list
}

// hand gives a parcel to the server at addr, one step at a time.
func hand(t *testing.T, addr string, l parcel, parameters string) {
	t.Helper()
	if err := handed(addr, l, parameters); err != nil {
		t.Fatalf("%s: %v", l.name, err)
	}
}

func handed(addr string, l parcel, parameters string) error {
	c, err := textproto.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	said := func(code int, line string) error {
		if line != "" {
			if err := c.PrintfLine("%s", line); err != nil {
				return err
			}
		}
		_, _, err := c.ReadResponse(code)
		if err != nil && line != "" {
			return fmt.Errorf("%.60s: %w", line, err)
		}
		return err
	}
	if err := errors.Join(said(220, ""), said(250, "EHLO author.example"), said(250, "MAIL FROM:<"+l.from+">"+parameters)); err != nil {
		return err
	}
	for _, to := range l.to {
		if err := said(250, "RCPT TO:<"+to+">"); err != nil {
			return err
		}
	}
	if err := said(354, "DATA"); err != nil {
		return err
	}
	if _, err := c.W.Write(load.Stuff([]byte(l.content))); err != nil {
		return err
	}
	if err := c.W.Flush(); err != nil {
		return err
	}
	return said(250, "")
}

// arrived waits until a mailbox has the parcels and compares. fetch returns what is there so far.
func arrived(t *testing.T, parcels []parcel, fetch func() []string) {
	t.Helper()
	want := 0
	for _, l := range parcels {
		want += l.copies
	}
	var got []string
	for end := time.Now().Add(2 * time.Minute); len(got) < want && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
		got = fetch()
	}
	for _, l := range parcels {
		found := withSubject(got, l.name)
		if len(found) != l.copies {
			t.Errorf("%s: it is there %d times, want %d", l.name, len(found), l.copies)
		}
		for _, m := range found {
			if !strings.HasSuffix(m, "\r\n"+l.content) {
				t.Errorf("%s: it was changed: %s", l.name, difference(m, l.content))
				break
			}
		}
	}
}

// difference shows where two messages, compared from their ends, begin to differ.
func difference(got, want string) string {
	i, j := len(got), len(want)
	for i > 0 && j > 0 && got[i-1] == want[j-1] {
		i, j = i-1, j-1
	}
	around := func(s string, at int) string { return s[max(0, at-80):min(len(s), at+40)] }
	return fmt.Sprintf("got …%q…, want …%q…", around(got, i), around(want, j))
}
