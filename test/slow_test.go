package test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
)

// slowConfig has limits that a test can wait for. A TLS handshake and a PROXY header have half a minute, always.
const slowConfig = "hostname: mx.test.example\npolicies: [{name: default, pipeline: [spf]}]\n" +
	"limits: {command_timeout: 5s, data_timeout: 5s, content_timeout: 8s}\n"

// Who takes his time is sent away, whatever he is at, however he drips; others are served meanwhile.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	m := serve(t, slowConfig, flowZone, "listen.smtps="+vacantAddr(t))
	smtps := strings.TrimPrefix(m.Sets[len(m.Sets)-1], "listen.smtps=")
	ann := domain(t, m, "test.example")
	envelope := "EHLO x\r\nMAIL FROM:<eve@sender.example>\r\nRCPT TO:<" + ann + ">\r\n"
	done := make(chan string)
	slow := map[string]struct{ addr, from, says, drips string }{
		"silent":                 {m.SMTP, "", "", ""},
		"a command":              {m.SMTP, "", "EHLO x\r\n", "N"},
		"an argument":            {m.SMTP, "", "EHLO x\r\nNOOP", " x"},
		"a header":               {m.SMTP, "", envelope + "DATA\r\n", "X"},
		"lines":                  {m.SMTP, "", envelope + "DATA\r\nSubject: slow\r\n\r\n", "x\r\n"},
		"bad lines":              {m.SMTP, "", envelope + "DATA\r\nSubject: slow\r\n\r\n", "x\n"},
		"a chunk":                {m.SMTP, "", envelope + "BDAT 100000 LAST\r\nSubject: slow\r\n\r\n", "x"},
		"chunks":                 {m.SMTP, "", envelope, "BDAT 1\r\nx"},
		"a chunk nobody wants":   {m.SMTP, "", "EHLO x\r\nBDAT 100000 LAST\r\n", "x"},
		"nothing after STARTTLS": {m.SMTP, "", "EHLO x\r\nSTARTTLS\r\n", ""},
		"half a hello":           {smtps, "", "\x16\x03\x01\x02\x00", "\x00"},
		"no hello":               {smtps, "", "", ""},
		"a PROXY header":         {m.SMTP, proxy, "PROXY TCP4 192.0.2.", "7"},
		"no PROXY header":        {m.SMTP, proxy, "", ""},
	}
	for name, c := range slow {
		conn := dialFrom(t, c.addr, c.from)
		if _, err := io.WriteString(conn, c.says); err != nil {
			t.Fatal(err)
		}
		go func() {
			stop := make(chan struct{})
			go drip(conn, c.drips, stop)
			conn.SetReadDeadline(time.Now().Add(3 * time.Minute))
			_, err := io.Copy(io.Discard, conn)
			close(stop)
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				done <- name + " is not sent away"
				return
			}
			done <- ""
		}()
	}
	for i := range 3 {
		mailFrom(t, m, goodClient, sender, note(fmt.Sprint("beside ", i), "x"), ann).id(t)
	}
	for range slow {
		if wrong := <-done; wrong != "" {
			t.Error(wrong)
		}
	}
	if got := box(t, m, ann, "INBOX"); len(got) != 3 {
		t.Errorf("the inbox has %d messages, want 3", len(got))
	}
}

// drip writes a text four times a second until it is told to stop, or nobody takes it any more.
func drip(c net.Conn, text string, stop <-chan struct{}) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for text != "" {
		select {
		case <-stop:
			return
		case <-tick.C:
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
}

// dialFrom connects from an address, "" being any.
func dialFrom(t *testing.T, addr, from string) net.Conn {
	t.Helper()
	d := net.Dialer{Timeout: time.Minute}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// A client that has shut its own side hears all replies; one that does so in the middle of its content, or resets the connection, wherever
// it is, leaves nothing behind but what it had ended.
func TestHalfClosedAndReset(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\npolicies: [{name: default, pipeline: [spf]}]\nlimits: {connections_per_network: 1000}\n", flowZone)
	ann := domain(t, m, "test.example")
	session := func(subject string) string {
		return "EHLO x\r\nMAIL FROM:<eve@sender.example>\r\nRCPT TO:<" + ann + ">\r\nDATA\r\nSubject: " + subject + "\r\n\r\nx\r\n.\r\n"
	}
	heard := func(secure bool, says string) string {
		t.Helper()
		c := dialFrom(t, m.SMTP, "")
		c.SetDeadline(time.Now().Add(time.Minute))
		if secure {
			c = upgraded(t, c)
		}
		if _, err := io.WriteString(c, says); err != nil {
			t.Fatal(err)
		}
		if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(c)
		if err != nil {
			t.Errorf("a half-closed connection ends with %v", err)
		}
		return string(b)
	}
	for _, secure := range []bool{false, true} {
		got := heard(secure, session("half")+"QUIT\r\n")
		if !strings.Contains(got, "250 2.0.0 accepted ") || !strings.HasSuffix(got, "221 2.0.0 bye\r\n") {
			t.Errorf("TLS %v: a half-closed session hears %q", secure, got)
		}
		if got := heard(secure, session("half")); !strings.Contains(got, "250 2.0.0 accepted ") {
			t.Errorf("TLS %v: without QUIT it hears %q", secure, got)
		}
	}
	text := session("reset")
	for cut := range len(text) - 1 { // the last octet would end it
		reset(t, m, text[:cut])
	}
	for cut := strings.Index(text, "DATA"); cut < len(text)-1; cut++ {
		if got := heard(false, text[:cut]); strings.Contains(got, "accepted") {
			t.Errorf("%q hears %q", text[:cut], got)
		}
	}
	got := box(t, m, ann, "INBOX")
	if n := len(withSubject(got, "half")); n != 4 || len(got) != 4 {
		t.Errorf("the inbox has %d messages, %d of those that were ended, want 4", len(got), n)
	}
	mailFrom(t, m, goodClient, sender, note("after all", "x"), ann).id(t)
	for _, word := range []string{"panic", "goroutine ", "level=ERROR"} {
		if strings.Contains(m.Output.String(), word) {
			t.Errorf("the log has %q", word)
		}
	}
}

// upgraded greets and begins TLS.
func upgraded(t *testing.T, c net.Conn) net.Conn {
	t.Helper()
	for _, step := range [][2]string{{"", "220 "}, {"EHLO x\r\n", "250 "}, {"STARTTLS\r\n", "220 "}} {
		if err := converse(c, step[0], step[1]); err != nil {
			t.Fatal(err)
		}
	}
	return tls.Client(c, &tls.Config{InsecureSkipVerify: true}) // made by itself
}

// reset says something and has the kernel reset the connection.
func reset(t *testing.T, m *machine.Machine, says string) {
	t.Helper()
	c := dialFrom(t, m.SMTP, "").(*net.TCPConn)
	io.WriteString(c, says)
	c.SetLinger(0)
	c.Close()
}
