package test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"gatepost/test/load"
	"gatepost/test/machine"
)

// proxy is the loopback address whose PROXY header the machines of these tests
// believe: it lends a peer the address that its story needs.
const proxy = "127.0.0.2"

// A peer is one SMTP connection, spoken line by line.
type peer struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

// connect returns a peer that has been greeted; client "" is one at 127.0.0.1.
func connect(t *testing.T, m *machine.Machine, client string) *peer {
	t.Helper()
	p := dialProxy(t, m, client)
	p.want("220", p.answer())
	p.want("250", p.say("EHLO mx.sender.example"))
	return p
}

// dialProxy returns a peer that has not read the greeting.
func dialProxy(t *testing.T, m *machine.Machine, client string) *peer {
	t.Helper()
	d := net.Dialer{Timeout: time.Minute}
	if client != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(proxy)}
	}
	conn, err := d.Dial("tcp", m.SMTP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if client != "" {
		fmt.Fprintf(conn, "PROXY TCP4 %s 192.0.2.1 40000 25\r\n", client)
	}
	return &peer{t, conn, bufio.NewReader(conn)}
}

// say sends one line and returns the last line of the reply.
func (p *peer) say(line string) string {
	p.t.Helper()
	p.write(line + "\r\n")
	return p.answer()
}

func (p *peer) write(text string) {
	p.t.Helper()
	p.conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := p.conn.Write([]byte(text)); err != nil {
		p.t.Fatalf("write %.40q: %v", text, err)
	}
}

func (p *peer) answer() string {
	p.t.Helper()
	p.conn.SetDeadline(time.Now().Add(time.Minute))
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			p.t.Fatalf("no reply: %v", err)
		}
		if len(line) > 3 && line[3] == ' ' {
			return strings.TrimSpace(line)
		}
	}
}

// want fails the test unless a reply begins with prefix.
func (p *peer) want(prefix, got string) {
	p.t.Helper()
	if !strings.HasPrefix(got, prefix) {
		p.t.Fatalf("got reply %q, want %q", got, prefix)
	}
}

// A mailing is what a client was told: each RCPT's reply, and DATA's where it came
// so far.
type mailing struct {
	rcpt []string
	data string
}

// send does one transaction.
func (p *peer) send(from, content string, to ...string) (m mailing) {
	p.t.Helper()
	p.want("250", p.say("MAIL FROM:<"+from+">"))
	taken := false
	for _, rcpt := range to {
		reply := p.say("RCPT TO:<" + rcpt + ">")
		m.rcpt = append(m.rcpt, reply)
		taken = taken || strings.HasPrefix(reply, "250")
	}
	if !taken {
		p.want("250", p.say("RSET"))
		return m
	}
	p.want("354", p.say("DATA"))
	p.write(string(load.Stuff([]byte(content))))
	m.data = p.answer()
	return m
}

// id is the transaction's, from the reply that took the message.
func (m mailing) id(t *testing.T) string {
	t.Helper()
	id, ok := strings.CutPrefix(m.data, "250 2.0.0 accepted ")
	if !ok {
		t.Fatalf("got reply %q, want one that names the message's id", m.data)
	}
	return id
}

// mailFrom sends one message in a connection of its own.
func mailFrom(t *testing.T, m *machine.Machine, client, from, content string, to ...string) mailing {
	t.Helper()
	p := connect(t, m, client)
	sent := p.send(from, content, to...)
	p.say("QUIT")
	p.conn.Close()
	return sent
}

// note makes a small message.
func note(subject, text string) string { return noteBy("Eve <eve@sender.example>", subject, text) }

// noteBy is a message by that author.
func noteBy(author, subject, text string) string {
	return "From: " + author + "\r\nTo: you\r\nSubject: " + subject + "\r\n\r\n" + text + "\r\n"
}

// A row is one line of `quarantine list --json` or `journal search --json`: the
// fields that stay.
type row struct {
	ID, Recipient, Sender, Subject, Filter, Reason, State string
	Time                                                  time.Time
	Tx                                                    string // of quarantine rows
}

// asked runs a command with --json and reads its result.
func asked[R any](t *testing.T, m *machine.Machine, args ...string) (result R) {
	t.Helper()
	out := run(t, m, "", append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("%s: %v in\n%s", strings.Join(args, " "), err, out)
	}
	return result
}

// A detail is what `journal show --json` tells of a transaction, as far as these tests
// look.
type detail struct {
	ID, Reply string
	Walks     []walk
}

type walk struct {
	Recipient, Policy, Action, Entry, Outcome string
	Shadow                                    bool
	Score                                     float64
	Steps                                     []struct {
		Entry, Filter, Result, Effect string
		Shadow                        bool
	}
}

// states are what became of a transaction, "recipient state filter" each.
func states(rows []row) (list []string) {
	for _, r := range rows {
		list = append(list, strings.TrimSpace(r.Recipient+" "+r.State+" "+r.Filter))
	}
	return list
}

// box returns the messages of a folder as they are served.
func box(t *testing.T, m *machine.Machine, user, folder string) (messages []string) {
	t.Helper()
	err := load.FetchAll(m.IMAP, user, password, folder, func(b []byte) { messages = append(messages, string(b)) })
	if err != nil {
		t.Fatalf("%s of %s: %v", folder, user, err)
	}
	return messages
}

// withSubject returns those messages that have the subject.
func withSubject(messages []string, subject string) (found []string) {
	for _, m := range messages {
		header, _, _ := strings.Cut(m, "\r\n\r\n")
		if strings.Contains(header+"\r\n", "\r\nSubject: "+subject+"\r\n") {
			found = append(found, m)
		}
	}
	return found
}

// slack is how many times as long as alone a step may take beside other tests on a busy machine.
const slack = 4

// until polls until ok, or fails the test after the limit, which is meant for a machine that does nothing else.
func until(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(slack * limit); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", slack*limit, what)
		}
	}
}
