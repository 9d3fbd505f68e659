package smtpd

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/mail"
)

// A script is a net.Conn whose client sends given octets in pieces of a given
// size, the first of them cut short where cut is set, and then closes its side.
type script struct {
	net.Conn
	in    []byte
	piece int
	cut   int
	peer  string // where it is; "" is a stranger's address
	out   bytes.Buffer
	done  chan struct{}
	once  sync.Once
}

func (s *script) Read(p []byte) (int, error) {
	n := min(len(p), len(s.in), s.piece)
	if s.cut > 0 {
		n = min(n, s.cut)
		s.cut -= n
	}
	if n == 0 {
		return 0, io.EOF
	}
	copy(p, s.in[:n])
	s.in = s.in[n:]
	return n, nil
}

func (s *script) Write(p []byte) (int, error) { return s.out.Write(p) }

func (s *script) Close() error {
	s.once.Do(func() { close(s.done) })
	return nil
}

func (s *script) RemoteAddr() net.Addr             { return tcpAddr(cmp.Or(s.peer, "192.0.2.7:1025")) }
func (s *script) LocalAddr() net.Addr              { return tcpAddr("198.51.100.25:25") }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// A keeper is a machine that keeps all content that it is given.
type keeper struct {
	machine
	content [][]byte
}

func (k *keeper) keep(_ context.Context, m *mail.Message) mail.Verdict {
	b, _ := io.ReadAll(m.Reader())
	k.content = append(k.content, b)
	return mail.Verdict{}
}

// run plays a client to the end and returns what the machine was asked, what
// the client was told, and all content.
func run(t testing.TB, in []byte, piece int) (asked, told string, content [][]byte) {
	return replay(t, &script{in: in, piece: piece}, func(*Config) {})
}

// replay is run with a client and settings of one's own.
func replay(t testing.TB, s *script, set func(*Config)) (asked, told string, content [][]byte) {
	k := new(keeper)
	k.data = k.keep
	c := testConfig()
	c.TLS = nil
	c.MaxMessage, c.MaxLine = 4000, 1000
	set(&c)
	l := newPipes()
	stop := startOn(t, l, c, &k.machine)
	s.done = make(chan struct{})
	l.conns <- s
	<-s.done
	stop()
	return k.log(), s.out.String(), k.content
}

const opening = "EHLO c\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\n"

// FuzzStream sends random octets. Nothing panics, no content has a bare CR or
// LF, each reply is well-formed, and it never matters how the octets were cut
// into segments.
func FuzzStream(f *testing.F) {
	for _, tail := range []string{
		"one\r\n.\r\nQUIT\r\n", "one\n.\r\nMAIL FROM:<evil@x>\r\n.\r\n", "one\r\r\n.\r\nNOOP\r\n", ".\rX\r\n.\r\n", "\r\n.\r\r\n.\r\nRSET\r\n",
	} {
		f.Add([]byte(opening + "DATA\r\n" + tail))
	}
	f.Add([]byte(opening + "BDAT 3\r\none" + "BDAT 2\r\n\r\nBDAT 2 LAST\r\n.\r" + "NOOP\r\n"))
	f.Add([]byte(opening + "BDAT 3\r\none" + "RSET\r\nBDAT 0 LAST\r\nEHLO\r\nAUTH PLAIN\r\n"))
	f.Add([]byte("EHLO c\r\nMAIL FROM:<\xc3\xa9@\xc3\xa9.example> SMTPUTF8\r\nRCPT TO:<\xe7\x94\xa8@y.example> ORCPT=utf-8;\\x{7528}@y.example\r\nDATA\r\n\xff\r\n.\r\nRCPT TO:<\xc3\xa9@y>\r\n"))
	f.Add([]byte("HELO a\nMAIL FROM:<a\rb@x>\r\n\x00\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		asked, told, content := run(t, in, 1<<20)
		for _, c := range content {
			if bare(c) {
				t.Errorf("content %q", c)
			}
		}
		for line := range strings.Lines(told) {
			if !wellFormed(line) {
				t.Errorf("reply %q", line)
			}
		}
		if impatient(told) || strings.Contains(told, badParameter.text) { // the library looks at parameters in no order
			return
		}
		for _, piece := range []int{1, 7} {
			if a, s, _ := run(t, in, piece); a != asked || s != told {
				t.Errorf("in pieces of %d the machine is asked\n%s\nand the client told\n%s\nwhole\n%s\n%s", piece, a, s, asked, told)
			}
		}
	})
}

// impatient reports whether DATA may have been refused. A client that has not
// waited for that is cut off, but if it is seen to have depends on segments.
func impatient(told string) bool {
	for _, r := range []reply{noRecipients, badArgument, controls} {
		if strings.Contains(told, r.text) {
			return true
		}
	}
	return false
}

func bare(b []byte) bool {
	b = bytes.ReplaceAll(b, []byte("\r\n"), nil)
	return bytes.ContainsAny(b, "\r\n")
}

func wellFormed(line string) bool {
	text, ok := strings.CutSuffix(line, "\r\n")
	return ok && len(text) > 3 && len(line) <= 512 && !hasControl(text) && !hasHighBit(text) && strings.Trim(text[:3], "0123456789") == "" && (text[3] == ' ' || text[3] == '-')
}

// TestContentFilter feeds all short contents to both ways of reading and looks
// for the end and for what is bad in a second, plainer way.
func TestContentFilter(t *testing.T) {
	const alphabet = "\r\n.x"
	for n := range 1 << 16 { // all words of eight letters
		word := make([]byte, 8)
		for i := range word {
			word[i] = alphabet[n>>(2*i)&3]
		}
		in := append(word, "\r\n.\r\n"...)
		l := lines{max: 100, dotted: true}
		at := 0
		for end := false; !end; {
			k, e := l.scan(in[at:])
			at, end = at+k, e
		}
		want := bytes.Index(append([]byte("\r\n"), in...), []byte("\r\n.\r\n")) + 3
		if at != want {
			t.Fatalf("%q ends at %d, want %d", in, at, want)
		}
		if got, want := l.bad != nil, bare(in[:at]); got != want {
			t.Fatalf("%q is bad: %v, want %v", in[:at], got, want)
		}
	}
}

// BenchmarkMessages sends messages of 4 KiB over one connection to a machine
// that does nothing with them.
func BenchmarkMessages(b *testing.B) {
	m := new(machine)
	m.data = func(context.Context, *mail.Message) mail.Verdict {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.events = m.events[:0]
		return mail.Verdict{}
	}
	addr, _ := start(b, testConfig(), m)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	content := strings.Repeat(strings.Repeat("x", 62)+"\r\n", 64) + ".\r\n"
	buf := make([]byte, 4096)
	ask := func(s string) {
		io.WriteString(conn, s)
		if _, err := conn.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
	ask("EHLO client.example\r\n")
	b.ReportAllocs()
	for b.Loop() {
		ask("MAIL FROM:<a@client.example>\r\n")
		ask("RCPT TO:<ann@test.example>\r\n")
		ask("DATA\r\n")
		ask(content)
	}
}
