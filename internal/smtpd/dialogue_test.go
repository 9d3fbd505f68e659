package smtpd

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"gatepost/internal/mail"
)

// TestDialogues plays the dialogues of testdata, each in the clear and after
// STARTTLS. Their form:
//
//	what is shown
//	set MaxMessage 100
//	only clear
//	listens 200ms       the machine listens so long before the banner, and refuses who talks
//	listens-only 200ms  and lets in who talks
//	strict              the machine notes behind what was pipelined without leave
//	-- dialogue --
//	C: a line that the client sends, CRLF is added
//	c: octets "as in Go source", nothing is added; lines in a row go out at once
//	S: the line that the server sends; one that ends with * is a beginning
//	H: a name, for EHLO and its whole reply
//	E: the server closes the connection
//	-- machine --
//	what the machine behind the edge was asked
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/dialogues/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no dialogues", err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		for _, transport := range []string{"clear", "starttls"} {
			if only, ok := setting(a, "only"); ok && only != transport {
				continue
			}
			t.Run(name+"/"+transport, func(t *testing.T) {
				t.Parallel()
				play(t, a, transport == "starttls")
			})
		}
	}
}

// setting finds a line of the archive's comment.
func setting(a *txtar.Archive, key string) (string, bool) {
	for line := range strings.Lines(string(a.Comment)) {
		if v, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n")+" ", key+" "); ok {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

func configOf(t *testing.T, a *txtar.Archive) Config {
	c := testConfig()
	numbers := map[string]func(int){
		"MaxMessage":     func(n int) { c.MaxMessage = int64(n) },
		"MaxRecipients":  func(n int) { c.MaxRecipients = n },
		"MaxCommandLine": func(n int) { c.MaxCommandLine = n },
		"MaxLine":        func(n int) { c.MaxLine = n },
		"MaxErrors":      func(n int) { c.MaxErrors = n },
		"Submission":     func(int) { c.Submission = true },
		"SpoolOver":      func(n int) { c.SpoolOver = int64(n) },
		"DataTime":       func(n int) { c.DataTime = time.Duration(n) * time.Millisecond },
		"CommandTime":    func(n int) { c.CommandTime = time.Duration(n) * time.Millisecond },
		"Bytes":          func(n int) { c.Limits = &Limits{Bytes: int64(n)} },
	}
	for line := range strings.Lines(string(a.Comment)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] != "set" {
			continue
		}
		n, err := strconv.Atoi(f[2])
		if err != nil || numbers[f[1]] == nil {
			t.Fatalf("can't set %q", line)
		}
		numbers[f[1]](n)
	}
	c.SpoolDir = t.TempDir()
	return c
}

// A player speaks one side of a dialogue.
type player struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	send strings.Builder
}

func dial(t *testing.T, addr string) *player {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(2 * time.Minute))
	return &player{t: t, conn: conn, in: bufio.NewReader(conn)}
}

func (p *player) startTLS() {
	p.t.Helper()
	p.exchange("S: 220 *", "H: before.example", "C: STARTTLS", "S: 220 2.0.0 *")
	c := tls.Client(p.conn, testTLS())
	if err := c.Handshake(); err != nil {
		p.t.Fatal(err)
	}
	p.conn, p.in = c, bufio.NewReader(c)
}

// exchange plays lines of a dialogue.
func (p *player) exchange(lines ...string) {
	p.t.Helper()
	for _, line := range lines {
		kind, text, _ := strings.Cut(line, " ")
		switch kind {
		case "C:":
			p.send.WriteString(text + "\r\n")
		case "c:":
			p.send.WriteString(unquote(p.t, text))
		case "S:":
			p.flush()
			p.expect(text)
		case "H:":
			p.send.WriteString("EHLO " + text + "\r\n")
			p.flush()
			for strings.HasPrefix(p.line(), "250-") {
			}
		case "E:":
			p.flush()
			p.expectEnd()
		case "", "#":
		default:
			p.t.Fatalf("%q is no line of a dialogue", line)
		}
	}
}

// unquote reads "text"*n + "text".
func unquote(t *testing.T, s string) string {
	t.Helper()
	text, times, repeated := strings.Cut(s, "*")
	if strings.HasSuffix(s, `"`) {
		text, repeated = s, false
	}
	octets, err := strconv.Unquote(text)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	if !repeated {
		return octets
	}
	n, err := strconv.Atoi(times)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return strings.Repeat(octets, n)
}

func (p *player) flush() {
	if p.send.Len() == 0 {
		return
	}
	io.WriteString(p.conn, p.send.String()) // what fails is seen by the next read
	p.send.Reset()
}

func (p *player) line() string {
	p.t.Helper()
	got, err := p.in.ReadString('\n')
	if err != nil {
		p.t.Fatalf("%v after %q", err, got)
	}
	return strings.TrimSuffix(got, "\r\n")
}

func (p *player) expect(want string) {
	p.t.Helper()
	got := p.line()
	if begin, ok := strings.CutSuffix(want, "*"); ok && strings.HasPrefix(got, begin) {
		return
	}
	if got != want {
		p.t.Fatalf("want %q\n got %q", want, got)
	}
}

func (p *player) expectEnd() {
	p.t.Helper()
	line, err := p.in.ReadString('\n')
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("want the end, got %q, %v", line, err)
	}
}

func play(t *testing.T, a *txtar.Archive, secure bool) {
	m := new(machine)
	_, m.strict = setting(a, "strict")
	wait, refuses := setting(a, "listens")
	if only, ok := setting(a, "listens-only"); ok {
		wait = only
	}
	if wait != "" {
		m.connect = listening(t, m, wait, refuses)
	}
	addr, stop := start(t, configOf(t, a), m)
	p := dial(t, addr)
	if wait != "" { // the banner is a part of the dialogue
	} else if secure {
		p.startTLS()
	} else {
		p.exchange("S: 220 mx.test.example ESMTP")
	}
	p.exchange(strings.Split(file(a, "dialogue"), "\n")...)
	p.flush()
	p.conn.Close()
	stop()
	got := strings.TrimPrefix(m.log(), "ehlo before.example\n")
	if want := strings.TrimSpace(file(a, "machine")); got != want {
		t.Errorf("the machine was asked\n%s\nwant\n%s", got, want)
	}
}

// listening has the machine listen before the banner.
func listening(t *testing.T, m *machine, wait string, refuses bool) func(mail.Client) mail.Verdict {
	d, err := time.ParseDuration(wait)
	if err != nil {
		t.Fatal(err)
	}
	return func(c mail.Client) mail.Verdict {
		early, err := c.Ear.Early(t.Context(), d)
		m.note("early %t %v", early, err)
		if again, _ := c.Ear.Early(t.Context(), 0); again != early {
			m.note("and forgot it")
		}
		if early && refuses {
			return mail.Verdict{Answer: mail.Shut, Reason: "too early"}
		}
		return mail.Verdict{}
	}
}

func file(a *txtar.Archive, name string) string {
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}
