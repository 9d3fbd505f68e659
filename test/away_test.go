package test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
)

// Doors are connections of people who are logged in at every door.
type doors struct {
	t          *testing.T
	m          *machine.Machine
	submission string

	imap, idle, pop, sent *peer
	web                   *http.Client
}

// A line of IMAP and POP3 is answered up to the first that begins so.
func (p *peer) asks(line, end string) string {
	p.t.Helper()
	p.write(line + "\r\n")
	return p.hears(end)
}

func (p *peer) hears(end string) string {
	p.t.Helper()
	p.conn.SetDeadline(time.Now().Add(time.Minute))
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			p.t.Fatalf("%q does not come: %v", end, err)
		}
		if strings.HasPrefix(line, end) {
			return strings.TrimSpace(line)
		}
	}
}

func openDoors(t *testing.T, m *machine.Machine, submission string) *doors {
	t.Helper()
	d := &doors{t: t, m: m, submission: submission, imap: dialAt(t, m.IMAP, ""), idle: dialAt(t, m.IMAP, ""), pop: dialAt(t, m.POP3, ""), sent: dialAt(t, submission, "")}
	for _, p := range []*peer{d.imap, d.idle} {
		p.want("a OK", p.asks("a LOGIN "+address+` "`+password+`"`, "a "))
		p.want("b OK", p.asks("b SELECT INBOX", "b "))
	}
	d.idle.want("+", d.idle.asks("c IDLE", "+"))
	d.pop.asks("USER "+address, "+OK Send")
	d.pop.asks("PASS "+password, "+OK 1 messages")
	d.sent.want("220", d.sent.answer())
	d.sent.want("250", d.sent.say("EHLO laptop.example"))
	d.sent.want("235", d.sent.say(plain(address, password)))
	d.web, _ = loggedIn(t, m, address, password)
	if status, page := d.page("/quarantine"); status != 200 {
		t.Fatalf("the page is %d\n%s", status, page)
	}
	return d
}

func (d *doors) page(path string) (status int, text string) {
	d.t.Helper()
	resp, err := d.web.Get("http://" + d.m.Web + path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// submit sends a message to ann, whose session it is, and returns the answer.
func (d *doors) submit(subject string) string {
	d.t.Helper()
	d.sent.want("250", d.sent.say("MAIL FROM:<"+address+">"))
	d.sent.want("250", d.sent.say("RCPT TO:<"+address+">"))
	d.sent.want("354", d.sent.say("DATA"))
	return d.sent.say(noteBy(address, subject, "words") + ".")
}

// away is what everybody hears while there is no database: in words, at once, and without being thrown out.
func (d *doors) away() {
	d.t.Helper()
	d.sent.want("451 4.3.0", d.submit("while it is away"))
	d.imap.want("d OK", d.imap.asks("d NOOP", "d "))
	d.imap.want("e NO [UNAVAILABLE]", d.imap.asks("e FETCH 1 BODY.PEEK[]", "e "))
	d.imap.want("f NO [UNAVAILABLE]", d.imap.asks(`f STATUS INBOX (MESSAGES)`, "f "))
	d.pop.want("-ERR [SYS/TEMP]", d.pop.asks("RETR 1", "-"))
	late := dialAt(d.t, d.m.IMAP, "")
	late.want("a NO [UNAVAILABLE]", late.asks("a LOGIN "+address+` "`+password+`"`, "a "))
	late = dialAt(d.t, d.m.POP3, "")
	late.asks("USER "+address, "+OK Send")
	late.want("-ERR [SYS/TEMP]", late.asks("PASS "+password, "-"))
	if status, page := d.page("/quarantine"); status != 503 || !strings.Contains(page, "Not possible just now") {
		d.t.Errorf("a page: %d\n%s", status, page)
	}
}

// back is how the same sessions go on.
func (d *doors) back() {
	d.t.Helper()
	d.sent.want("250", d.submit("when it is back"))
	d.idle.hears("* 3 EXISTS") // one that came before, and this
	d.imap.want("g OK", d.imap.asks("g FETCH 1 BODY.PEEK[]", "g "))
	d.pop.asks("RETR 1", ".")
	if status, page := d.page("/quarantine"); status != 200 {
		d.t.Errorf("a page: %d\n%s", status, page)
	}
	if inbox := box(d.t, d.m, address, "INBOX"); len(withSubject(inbox, "while it is away")) != 0 || len(withSubject(inbox, "when it is back")) != 1 {
		d.t.Error("what was refused is there, or what was taken is not")
	}
}

// brief looks that the log says what happened and no more than once, however often it was met.
func (d *doors) brief() {
	d.t.Helper()
	seen := map[string]int{}
	for line := range strings.Lines(d.m.Output.String()) {
		_, text, _ := strings.Cut(line, " msg=")
		if level, _, _ := strings.Cut(text, " error="); strings.Contains(text, " error=") {
			if m := regexp.MustCompile(`^("[^"]*"|\S+)`).FindString(level); m != "" {
				seen[m]++
			}
		}
	}
	for message, n := range seen {
		if n > 1 {
			d.t.Errorf("%d lines of %s:\n%s", n, message, d.m.Output.String())
		}
	}
	for _, want := range []string{"mail can't be stored; clients are asked to come again", "mail can be stored again", "lines_left_out="} {
		if n := strings.Count(d.m.Output.String(), want); n != 1 {
			d.t.Errorf("the log has %q %d times", want, n)
		}
	}
}
