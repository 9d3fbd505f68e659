package imap_test

import (
	"bufio"
	"compress/flate"
	"fmt"
	"io"
	"math/bits"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"gatepost/mailbox/imap"
)

// A deflated connection flushes each write, as RFC 4978 §4 wants.
type deflated struct {
	net.Conn
	w *flate.Writer
}

func (d deflated) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	if err == nil {
		err = d.w.Flush()
	}
	return n, err
}

// deflate has a client compress from now on.
func (c *client) deflate() {
	c.t.Helper()
	c.must("COMPRESS DEFLATE")
	w, err := flate.NewWriter(c.c, 6)
	if err != nil {
		c.t.Fatal(err)
	}
	c.r = bufio.NewReader(flate.NewReader(c.r))
	c.c = deflated{c.c, w}
}

// Both ways are compressed from the tagged OK on (RFC 4978 §3), commands in a row and large
// literals too, and a client that waits is pushed to.
func TestCompress(t *testing.T) {
	s := start(t)
	c := inbox(t, s, 1)
	caps := func() string { return c.must("CAPABILITY")[0] }
	if got := caps(); !strings.Contains(got, " COMPRESS=DEFLATE") {
		t.Error(got)
	}
	c.deflate()
	if got := caps(); strings.Contains(got, "COMPRESS") {
		t.Error(got)
	}
	wantPrefix(t, "again", last(c.do("COMPRESS DEFLATE")), "x1 NO [COMPRESSIONACTIVE]")
	text := "Subject: big\r\n\r\n" + strings.Repeat("0123456789abcdef\r\n", 10_000)
	c.must(fmt.Sprintf("APPEND INBOX {%d+}\r\n%s", len(text), text))
	c.send("a1 NOOP\r\na2 FETCH 2 BODY.PEEK[]\r\na3 NOOP")
	var got strings.Builder
	for line := ""; !strings.HasPrefix(line, "a3 "); {
		line = c.line()
		got.WriteString(line + "\r\n")
	}
	if !strings.Contains(got.String(), text) {
		t.Errorf("the message came back as %d octets", got.Len())
	}
	c.send("a4 IDLE")
	c.line()
	login(t, s).must("APPEND INBOX {1+}\r\nx")
	wantPrefix(t, "push", c.line(), "* 3 EXISTS")
}

// A partial writer flushes as zlib's Z_PARTIAL_FLUSH does, and mbsync by it: an empty block of fixed
// codes follows, which ends within an octet, so that the rest of its bits comes with the next write.
type partial struct {
	net.Conn
	bits, n uint
}

func (p *partial) put(value, width uint) {
	p.bits |= value << p.n
	p.n += width
}

func (p *partial) Write(text []byte) (int, error) {
	var out []byte
	whole := func() {
		for ; p.n >= 8; p.n -= 8 {
			out = append(out, byte(p.bits))
			p.bits >>= 8
		}
	}
	p.put(0b010, 3) // not the last block, of fixed codes (RFC 1951 §3.2.3)
	for _, c := range text {
		p.put(uint(bits.Reverse8(0x30+c)), 8) // of ASCII (§3.2.6)
		whole()
	}
	p.put(0, 7) // its end
	p.put(0b010, 10)
	whole()
	_, err := p.Conn.Write(out)
	return len(text), err
}

// A command that a client ends by a partial flush is answered, and does not wait for the next one.
func TestCompressPartialFlush(t *testing.T) {
	c := login(t, start(t))
	c.must("COMPRESS DEFLATE")
	c.r = bufio.NewReader(flate.NewReader(c.r))
	c.c.SetReadDeadline(time.Now().Add(2 * time.Minute))
	c.c = &partial{Conn: c.c}
	for range 9 { // at all offsets of bits
		c.must("NOOP")
	}
	text := strings.Repeat("0123456789abcdef\r\n", 10_000)
	c.must("SELECT INBOX")
	c.must(fmt.Sprintf("APPEND INBOX {%d+}\r\n%s", len(text), text))
	if got := strings.Join(c.must("FETCH 1 BODY.PEEK[]"), "\r\n"); !strings.Contains(got, text) {
		t.Errorf("the message came back as %d octets", len(got))
	}
}

// What a client has the server inflate is bounded as what it sends plainly: a line of a GiB of zeros
// ends the connection, and is never in memory.
func TestCompressBomb(t *testing.T) {
	s := start(t, func(s *imap.Server) { s.Limits.Line = 4096 })
	c := login(t, s)
	c.deflate()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w := bufio.NewWriterSize(c.c.(deflated).w, 1<<16)
		for zeros := strings.Repeat("0", 1<<16); ; {
			if _, err := io.WriteString(w, zeros); err != nil {
				return
			}
		}
	}()
	c.c.SetReadDeadline(time.Now().Add(time.Minute))
	wantPrefix(t, "end", c.line(), "* BYE [TOOBIG]")
	c.c.(deflated).Conn.Close()
	<-done
	runtime.ReadMemStats(&after)
	if grown := after.HeapInuse - min(before.HeapInuse, after.HeapInuse); grown > 16<<20 {
		t.Errorf("%d octets of heap more", grown)
	}
}

// A message with UTF-8 in its header comes by APPEND's UTF8 (RFC 6855 §4); SAVEDATE is now, and that
// of a copy, too (RFC 8514 §3).
func TestAppendUTF8(t *testing.T) {
	c := inbox(t, start(t), 0)
	text := "Subject: café\r\n\r\nx\r\n"
	command := fmt.Sprintf("APPEND INBOX UTF8 (~{%d+}\r\n%s)", len(text), text)
	wantPrefix(t, "not enabled", last(c.do(command)), "x1 BAD")
	c.must("ENABLE UTF8=ACCEPT")
	c.must(command)
	c.must("COPY 1 INBOX")
	now := time.Now()
	lines := strings.Join(c.must("FETCH 1:2 (SAVEDATE RFC822.SIZE)"), "\n")
	for _, line := range strings.Split(lines, "\n")[:2] {
		_, date, _ := strings.Cut(line, `SAVEDATE "`)
		date, _, _ = strings.Cut(date, `"`)
		saved, err := time.Parse("_2-Jan-2006 15:04:05 -0700", date)
		if err != nil || now.Sub(saved).Abs() > time.Hour {
			t.Errorf("%s: %v", line, err)
		}
	}
	if got := c.must("SEARCH SUBJECT \"café\"")[0]; got != "* SEARCH 1 2" {
		t.Errorf("got %q", got)
	}
}
