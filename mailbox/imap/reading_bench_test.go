package imap_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"

	"gatepost/mailbox/imap"
)

// benched logs in, fills INBOX with 10,000 messages, selects it, and returns what sends a command
// and waits until it is done, over loopback.
func benched(b *testing.B) (do func(command string)) {
	const messages = 10_000
	s := start(b, func(s *imap.Server) { s.Log = quiet() })
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	r := bufio.NewReaderSize(c, 256<<10)
	await := func(sign string) {
		for {
			l, err := r.ReadSlice('\n')
			if err != nil {
				b.Fatal(err)
			}
			if bytes.HasPrefix(l, []byte(sign)) {
				return
			}
		}
	}
	do = func(command string) {
		if _, err := io.WriteString(c, "x "+command+"\r\n"); err != nil {
			b.Fatal(err)
		}
		await("x OK")
	}
	do("LOGIN ann@example.org secret")
	for i := range messages / 200 {
		var m bytes.Buffer
		m.WriteString("APPEND INBOX")
		for j := range 200 {
			text := fmt.Sprintf("From: Ann Example <ann%d@sender.example>\r\nTo: Bob <bob@example.org>, Carol <carol@example.org>\r\nSubject: Re: what was said in letter %d of many\r\n"+
				"Date: Sun, 22 Nov 2026 12:%02d:00 +0000\r\nMessage-ID: <%d.%d@sender.example>\r\nIn-Reply-To: <%d@sender.example>\r\n\r\nbody\r\n", j, i*200+j, j%60, i, j, j)
			fmt.Fprintf(&m, " {%d+}\r\n%s", len(text), text)
		}
		do(m.String())
	}
	do("SELECT INBOX")
	return do
}

// BenchmarkReading selects and lists a folder; CAPABILITY is what a round trip alone takes.
func BenchmarkReading(b *testing.B) {
	do := benched(b)
	for _, bench := range []struct{ name, command string }{
		{"capability", "CAPABILITY"},
		{"select", "SELECT INBOX"},
		{"flags", "FETCH 1:* (UID FLAGS)"},
		{"envelope", "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"},
		{"fields", "FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (From To Cc Subject Date)])"},
		{"bodies", "FETCH 1:* (UID BODY.PEEK[])"},
		{"subject", `SEARCH SUBJECT "letter"`},
		{"since", `SEARCH SENTSINCE 1-Feb-2026 LARGER 10`},
		{"sort", `SORT (REVERSE DATE) UTF-8 ALL`},
		{"thread", `THREAD REFERENCES UTF-8 ALL`},
	} {
		do(bench.command) // makes pages
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				do(bench.command)
			}
		})
	}
}

// BenchmarkStore changes a flag of one message, and of all, to and fro.
func BenchmarkStore(b *testing.B) {
	do := benched(b)
	for _, bench := range []struct{ name, set string }{{"one", "5000"}, {"all", "1:*"}} {
		sign := map[bool]string{false: "+", true: "-"}
		on := false
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				do("STORE " + bench.set + " " + sign[on] + `FLAGS.SILENT (\Flagged)`)
				on = !on
			}
		})
	}
}
