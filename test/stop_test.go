package test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTermEverywhere: SIGTERM comes to clients at each point of what they do. Who has sent his
// content, or is about to, hears what became of it, a page that is asked for is answered, who only waits is sent away.
func TestTermEverywhere(t *testing.T) {
	t.Parallel()
	// the author's policy is asked for behind the dot, and takes its time
	m := serve(t, "hostname: mx.test.example\nresolver: {timeout: 20s}\npolicies: [{name: default, pipeline: [dmarc]}]\n",
		flowZone+"!delay _dmarc.slow.example. 1500ms\n_dmarc.slow.example. TXT \"v=DMARC1; p=none\"\n")
	ann := domain(t, m, "test.example")
	fresh, between, judged, sending := connect(t, m, ""), connect(t, m, ""), connect(t, m, ""), connect(t, m, "")
	between.want("250", between.say("MAIL FROM:<sender@elsewhere.example>"))
	between.want("250", between.say("RCPT TO:<"+ann+">"))
	for _, p := range []*peer{judged, sending} {
		p.want("250", p.say("MAIL FROM:<sender@elsewhere.example>"))
		p.want("250", p.say("RCPT TO:<"+ann+">"))
		p.want("354", p.say("DATA"))
	}
	sending.write("From: Eva <eva@elsewhere.example>\r\nSubject: sending\r\n\r\nte")
	idle := speak(t, m.IMAP)
	idle.hears("* OK")
	idle.says("a OK", "a LOGIN %s \"%s\"", ann, password)
	idle.says("b OK", "b SELECT INBOX")
	idle.says("+ ", "c IDLE")
	page, err := net.Dial("tcp", m.Web)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	form := "name=nobody&password=nothing"
	fmt.Fprintf(page, "POST /login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", m.Web, len(form))
	page.SetReadDeadline(time.Now().Add(time.Minute))
	answers := bufio.NewReader(page)
	if r, err := http.ReadResponse(answers, nil); err != nil || r.StatusCode != http.StatusContinue { // it is at work
		t.Fatalf("heard %v, %v", r, err)
	}
	judged.write("From: Eva <eva@slow.example>\r\nSubject: judged\r\n\r\ntext\r\n.\r\n")
	if err := m.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	fresh.want("421", fresh.answer())
	between.want("421", between.answer())
	sending.want("250 2.0.0 accepted", sending.say("xt\r\n."))
	sending.want("421", sending.answer())
	if line, err := idle.ReadLine(); err != nil || !strings.HasPrefix(line, "* BYE ") {
		t.Errorf("IDLE hears %q, %v", line, err)
	}
	io.WriteString(page, form)
	if r, err := http.ReadResponse(answers, nil); err != nil {
		t.Errorf("the page: %v", err)
	} else {
		r.Body.Close()
	}
	judged.want("250 2.0.0 accepted", judged.answer())
	judged.want("421", judged.answer())
	<-m.Done()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	got := box(t, m, ann, "INBOX")
	for _, subject := range []string{"judged", "sending"} {
		if kept := withSubject(got, subject); len(kept) != 1 {
			t.Errorf("%s: %d messages are kept", subject, len(kept))
		}
	}
}

// TestSecondTerm: who has no patience sends SIGTERM twice. It ends at once, whoever is in the middle
// of what, and what was accepted is kept.
func TestSecondTerm(t *testing.T) {
	t.Parallel()
	m := start(t, "limits.drain_timeout=10m", "limits.data_timeout=1h", "limits.command_timeout=1h") // nothing else ends it
	if err := sendOne(m.SMTP, "kept"); err != nil {
		t.Fatal(err)
	}
	idle, busy := connect(t, m, ""), connect(t, m, "")
	busy.want("250", busy.say("MAIL FROM:<sender@elsewhere.example>"))
	busy.want("250", busy.say("RCPT TO:<"+address+">"))
	busy.want("354", busy.say("DATA"))
	if err := m.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	idle.want("421", idle.answer()) // it was heard
	until(t, time.Minute, "the end", func() bool {
		select {
		case <-m.Done():
			return true
		default:
			m.Signal(syscall.SIGTERM) // which finds it gone, or ends it
			return false
		}
	})
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	if got := withSubject(box(t, m, address, "INBOX"), "kept"); len(got) != 1 {
		t.Errorf("%d messages are kept", len(got))
	}
}
