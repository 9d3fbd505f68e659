package test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
)

// A service that is shut to a mailbox, or to all of its domain, logs its owner in no more, and ends what is
// open, on all doors; so does a suspended or closed mailbox.
func TestServicesShut(t *testing.T) {
	t.Parallel()
	m := serve(t, releaseConfig, flowZone)
	ann := domain(t, m, "test.example")
	pop := func() bool {
		t.Helper()
		c, err := net.DialTimeout("tcp", m.POP3, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(time.Minute))
		r := bufio.NewReader(c)
		answer := ""
		for _, line := range []string{"", "USER " + ann + "\r\n", "PASS " + password + "\r\n"} {
			io.WriteString(c, line)
			if answer, err = r.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		return strings.HasPrefix(answer, "+OK")
	}
	web := func() bool {
		t.Helper()
		_, at := loggedIn(t, m, ann, password)
		return !strings.HasPrefix(at, "/login")
	}
	imap := func() bool {
		t.Helper()
		r := readMail(t, m, ann)
		return strings.HasPrefix(strings.Join(r.say("SELECT INBOX"), "\n"), "*")
	}
	check := func(when string, mail, inbox, pages bool) {
		t.Helper()
		if a, b, c := imap(), pop(), web(); a != mail || b != inbox || c != pages {
			t.Errorf("%s: imap %v, pop3 %v, web %v; want %v, %v, %v", when, a, b, c, mail, inbox, pages)
		}
	}
	check("at first", true, true, true)
	run(t, m, "", "mailbox", "set", ann, "--shut", "pop3,web")
	check("pop3 and web are shut", true, false, false)
	run(t, m, "", "domain", "set", "test.example", "--shut", "imap")
	check("and imap in the domain", false, false, false)
	run(t, m, "", "mailbox", "set", ann, "--shut", "")
	check("the mailbox shuts nothing", false, true, true)
	run(t, m, "", "domain", "set", "test.example", "--shut", "")
	for _, end := range [][]string{
		{"mailbox", "set", ann, "--shut", "imap"},
		{"mailbox", "set", ann, "--shut", "", "--state", "suspended"},
		{"mailbox", "set", ann, "--state", "closed"},
		{"domain", "set", "test.example", "--shut", "imap"},
	} {
		run(t, m, "", "mailbox", "set", ann, "--state", "active", "--shut", "")
		idle, at := readMail(t, m, ann), readMail(t, m, ann)
		idle.idle("INBOX")
		at.want("a OK", at.say("NOOP"))
		run(t, m, "", end...)
		for _, r := range []*reader{idle, at} {
			r.conn.SetDeadline(time.Now().Add(time.Minute))
			rest, err := io.ReadAll(r.r)
			if err != nil || !strings.Contains(string(rest), "BYE [EXPIRED] Log in again") {
				t.Errorf("%v: the session goes on: %v %q", end, err, rest)
			}
		}
	}
	check("at the end", false, true, true)
}

// loggedIn is a browser that has tried to log in to the pages, and the path that it was led to.
func loggedIn(t *testing.T, m *machine.Machine, name, secret string) (b *http.Client, at string) {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	b = &http.Client{Jar: jar, Timeout: time.Minute}
	page, err := b.Get("http://" + m.Web + "/login")
	if err != nil {
		t.Fatal(err)
	}
	form, _ := io.ReadAll(page.Body)
	page.Body.Close()
	token := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindSubmatch(form)
	if token == nil {
		t.Fatalf("no token in\n%s", form)
	}
	done, err := b.PostForm("http://"+m.Web+"/login", url.Values{"csrf": {string(token[1])}, "name": {name}, "password": {secret}})
	if err != nil {
		t.Fatal(err)
	}
	done.Body.Close()
	return b, done.Request.URL.Path
}

// Another password, and the end of an application's, end the sessions of mail programs that were open then: who has stolen one is out, where
// mail is sent in the middle of a message. One more application ends nothing.
func TestPasswordEndsSessions(t *testing.T) {
	t.Parallel()
	submission := freePort(t)
	m := serve(t, releaseConfig, flowZone, "listen.submission="+submission)
	ann := domain(t, m, "test.example")
	run(t, m, "", "mailbox", "app-password", "add", ann, "--name", "phone")
	idle, at := readMail(t, m, ann), readMail(t, m, ann)
	idle.idle("INBOX")
	sends := func() *peer {
		p := dialAt(t, submission, "")
		p.want("220", p.answer())
		p.want("250", p.say("EHLO laptop.example"))
		p.want("235", p.say(plain(ann, password)))
		p.want("250", p.say("MAIL FROM:<"+ann+">"))
		p.want("250", p.say("RCPT TO:<"+ann+">"))
		return p
	}
	sending := sends()
	run(t, m, "", "mailbox", "app-password", "add", ann, "--name", "tablet")
	time.Sleep(2500 * time.Millisecond) // sessions are looked at each second
	at.want("a OK", at.say("NOOP"))
	for _, end := range []struct {
		input string
		args  []string
	}{
		{"", []string{"mailbox", "app-password", "remove", ann, "--name", "phone"}},
		{password, []string{"mailbox", "set", ann, "--password-stdin"}},
	} {
		sending.want("354", sending.say("DATA"))
		run(t, m, end.input, end.args...)
		sending.want("421 4.7.0", sending.say("Subject: of a thief\r\n\r\n."))
		sending = sends()
		for _, r := range []*reader{idle, at} {
			r.conn.SetDeadline(time.Now().Add(time.Minute))
			rest, err := io.ReadAll(r.r)
			if err != nil || !strings.Contains(string(rest), "BYE [EXPIRED] Log in again") {
				t.Errorf("%v: the session goes on: %v %q", end.args, err, rest)
			}
		}
		idle, at = readMail(t, m, ann), readMail(t, m, ann)
		idle.idle("INBOX")
	}
}
