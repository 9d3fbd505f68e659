package remote

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// answers is a connection on which a server says something to each line, and goes behind the last.
func answers(texts ...string) *conn {
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		lines := bufio.NewScanner(there)
		for _, text := range texts {
			if !lines.Scan() {
				return
			}
			io.WriteString(there, text)
		}
	}()
	return newConn(here, 10*time.Second)
}

// Copies of a message may have one id (RFC 1939 §7): each is listed, and known again by its order.
func TestItems(t *testing.T) {
	for _, c := range []struct{ name, list, uidl, want string }{
		{"each its own", "1 10\r\n2 20\r\n", "1 a\r\n2 b\r\n", `1 10 "a", 2 20 "b"`},
		{"copies", "1 10\r\n2 10\r\n3 10\r\n", "1 a\r\n2 a\r\n3 a\r\n", `1 10 "a", 2 10 "a 2", 3 10 "a 3"`},
		{"sizes that are none", "1 -1\r\n2 x\r\n", "1 a\r\n2 b\r\n3 c\r\n", `1 -1 "a", 2 -1 "b", 3 -1 "c"`},
		{"no id", "1 10\r\n", "1\r\n", `the server does not keep to the protocol: UIDL ""`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &POP3{c: answers("+OK\r\n"+c.list+".\r\n", "+OK\r\n"+c.uidl+".\r\n")}
			defer p.Close()
			var got []string
			items, err := p.Items(100)
			for _, i := range items {
				got = append(got, fmt.Sprintf("%d %d %q", i.Number, i.Size, i.ID))
			}
			if err != nil {
				got = append(got, strings.TrimPrefix(err.Error(), "pop3: UIDL: "))
			}
			if got := strings.Join(got, ", "); got != c.want {
				t.Errorf("got %s; want %s", got, c.want)
			}
		})
	}
}

// A server that has LOGIN switched off hears no password.
func TestLoginDisabled(t *testing.T) {
	for offers, want := range map[string]string{"IMAP4REV1 LOGINDISABLED": "LOGINDISABLED", "IMAP4REV1": ""} {
		i := &IMAP{c: answers("G1 OK in\r\n"), server: Server{Security: Clear, User: "ann", Password: "secret"}, offers: strings.Fields(offers)}
		switch err := i.login(); {
		case want == "" && err != nil, want != "" && (!errors.Is(err, ErrLogin) || !strings.Contains(err.Error(), want) || i.tag > 0):
			t.Errorf("%s: %v after %d commands", offers, err, i.tag)
		}
		i.Close()
	}
}

// A server that says no to a command goes on; one that ends the session with it does not.
func TestRefused(t *testing.T) {
	for text, want := range map[string]bool{
		"G1 NO [SERVERBUG] not this one\r\n": true,
		"G1 BAD what\r\n":                    true,
		"* BYE shutting down\r\n":            false,
		"* 1 FETCH (UID 1":                   false,
	} {
		i := &IMAP{c: answers(text)}
		if err := i.Fetch(1, &strings.Builder{}, 100); Refused(err) != want {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
		i.Close()
	}
}
