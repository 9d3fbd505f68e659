package imap_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"gatepost/mailbox/imap"
)

var update = flag.Bool("update", false, "write the answers into testdata")

// A dialogue file is a txtar archive. Its comment names the RFC sections that it
// shows; each file in it is a conversation with a server of its own:
//
//	C: what the client sends     C2: the same on a second connection
//	L: a line of the literal that "{}" or "{+}" at the end of a C line announces
//	S: what the server must say  S2: the same on a second connection
//	H: the subject of a message that is held for ann from now on
//	G: the subject of a message of hers that is not held any more
//
// Everything is compared to the letter, but for the greeting and the capabilities
// that a log-in tells. "#" starts a remark.
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no dialogues", err)
	}
	for _, path := range files {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(archive.Comment, []byte("RFC ")) {
			t.Errorf("%s names no RFC", path)
		}
		for i := range archive.Files {
			f := &archive.Files[i]
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar")+"/"+f.Name, func(t *testing.T) {
				if !*update {
					t.Parallel()
				}
				var change []func(*imap.Server)
				if strings.Contains(path, "quarantine") {
					change = append(change, releasing)
				}
				if strings.Contains(path, "acl") || strings.Contains(path, "metadata") {
					change = append(change, sharing)
				}
				if strings.Contains(path, "quota") {
					change = append(change, limited)
				}
				d := dialogue{t: t, server: start(t, change...), conns: map[string]*client{}}
				got := d.run(string(f.Data))
				if *update {
					f.Data = []byte(got)
				}
			})
		}
		if *update {
			if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

type dialogue struct {
	t      *testing.T
	server *server
	conns  map[string]*client
	out    strings.Builder // the dialogue with the answers as they are
}

var (
	dialogueLine = regexp.MustCompile(`^([CLSHG])(\d?): ?(.*)$`)
	tagPattern   = regexp.MustCompile(`^([a-z]+\d+)( |$)`)
	toldCaps     = regexp.MustCompile(`^(\w+ OK )\[CAPABILITY [^]]+\]`)
)

func (d *dialogue) run(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		m := dialogueLine.FindStringSubmatch(lines[i])
		switch {
		case m == nil && lines[i] != "" && lines[i][0] != '#':
			d.t.Fatalf("line %d: %q is neither C: nor S:", i+1, lines[i])
		case m == nil:
			d.out.WriteString(lines[i] + "\n")
		case m[1] == "H" || m[1] == "G":
			if m[1] == "H" {
				d.server.hold(d.t, m[3])
			} else {
				d.server.giveUp(d.t, m[3])
			}
			d.out.WriteString(lines[i] + "\n")
		case m[1] == "C":
			n := d.command(m[2], m[3], lines[i:])
			d.out.WriteString(strings.Join(lines[i:i+n], "\n") + "\n")
			i += n - 1
			if *update && d.answers(m[2], lines[i:]) {
				d.record(d.conn(m[2]), m[2])
			}
		case !*update:
			if got := d.conn(m[2]).answer(); got != m[3] {
				d.t.Fatalf("line %d:\n got %q\nwant %q", i+1, got, m[3])
			}
		}
	}
	return d.out.String()
}

// command sends a line and the literal that follows it, and returns how many
// lines these are.
func (d *dialogue) command(name, line string, lines []string) (n int) {
	literal := ""
	for n = 1; n < len(lines); n++ {
		m := dialogueLine.FindStringSubmatch(lines[n])
		if m == nil || m[1] != "L" {
			break
		}
		literal += m[3] + "\r\n"
	}
	c := d.conn(name)
	announced, sync := strings.CutSuffix(line, "{}")
	if !sync {
		announced, _ = strings.CutSuffix(line, "{+}")
	}
	switch {
	case n == 1:
		c.send(line)
	case sync:
		c.send(fmt.Sprintf("%s{%d}", announced, len(literal)))
		if got := c.line(); !strings.HasPrefix(got, "+ ") {
			d.t.Fatalf("literal: %q", got)
		}
		c.send(literal)
	default:
		c.send(fmt.Sprintf("%s{%d+}\r\n%s", announced, len(literal), literal))
	}
	return n
}

// answers reports whether the line sent just now has an answer: it ends a command
// or waits for a continuation.
func (d *dialogue) answers(name string, lines []string) bool {
	if len(lines) == 1 || strings.HasSuffix(lines[0], " IDLE") || strings.HasSuffix(lines[0], " PLAIN") {
		return true
	}
	if strings.HasSuffix(lines[0], "}") && strings.HasPrefix(lines[0], "C") {
		return !strings.HasSuffix(lines[0], "+}")
	}
	m := dialogueLine.FindStringSubmatch(lines[1])
	return m == nil || m[1] != "C" || m[2] != name || tagPattern.MatchString(m[3]+" ") || strings.HasPrefix(m[3], "+")
}

// record takes down all answers up to the tagged one, or a continuation.
func (d *dialogue) record(c *client, name string) {
	for {
		line := c.answer()
		fmt.Fprintf(&d.out, "S%s: %s\n", name, line)
		if strings.HasPrefix(line, "+") || strings.HasPrefix(line, c.tag+" ") || strings.HasPrefix(line, "* B") || line == "<closed>" {
			return
		}
	}
}

// answer is line without what the dialogues do not show.
func (c *client) answer() string { return toldCaps.ReplaceAllString(c.line(), "$1[CAPABILITY ...]") }

func (d *dialogue) conn(name string) *client {
	if d.conns[name] == nil {
		d.conns[name] = d.server.dial(d.t)
	}
	return d.conns[name]
}

// A client is one raw connection.
type client struct {
	t   testing.TB
	c   net.Conn
	r   *bufio.Reader
	tag string
}

// dial connects and reads the greeting.
func (s *server) dial(t testing.TB) *client {
	t.Helper()
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	c := &client{t: t, c: nc, r: bufio.NewReader(nc)}
	if greeting := c.line(); !strings.HasPrefix(greeting, "* OK [CAPABILITY IMAP4rev1 ") {
		t.Fatalf("greeting: %q", greeting)
	}
	return c
}

func (c *client) send(line string) {
	c.t.Helper()
	if m := tagPattern.FindStringSubmatch(line); m != nil {
		c.tag = m[1]
	}
	if _, err := c.c.Write([]byte(line + "\r\n")); err != nil {
		c.t.Fatal(err)
	}
}

// line reads one line, or says that the connection is closed.
func (c *client) line() string {
	c.t.Helper()
	c.c.SetReadDeadline(time.Now().Add(time.Minute))
	line, err := c.r.ReadString('\n')
	if err != nil && line == "" {
		if os.IsTimeout(err) {
			c.t.Fatal("no answer")
		}
		return "<closed>"
	}
	return strings.TrimSuffix(line, "\r\n")
}

// do sends a command and returns all answers, the tagged one last.
func (c *client) do(command string) []string {
	c.t.Helper()
	c.send("x1 " + command)
	var lines []string
	for {
		line := c.line()
		lines = append(lines, line)
		if strings.HasPrefix(line, "x1 ") || line == "<closed>" {
			return lines
		}
	}
}

// must is do for a command that has to succeed.
func (c *client) must(command string) []string {
	c.t.Helper()
	lines := c.do(command)
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "x1 OK") {
		c.t.Fatalf("%.80s: %s", command, last)
	}
	return lines
}
