package test

import (
	"bufio"
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A sink is a mail server of few words: it takes all, but for what says answers
// otherwise.
type sink struct {
	addr string

	mu sync.Mutex
	// says is the whole reply to a line ("." is a content, "" the connection), or ""
	// for what is usual.
	says   func(line string) string
	lines  []string // who connected, commands, and contents with all their lines in one
	open   []net.Conn
	closed bool
}

// newSink listens at an address until the test ends.
func newSink(t *testing.T, addr string, says func(line string) string) *sink {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{addr: l.Addr().String(), says: says}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.open = append(s.open, c)
			if s.closed {
				c.Close()
			}
			s.mu.Unlock()
			conns.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		s.closed = true
		for _, c := range s.open {
			c.Close()
		}
		s.mu.Unlock()
		conns.Wait()
	})
	return s
}

func (s *sink) serve(c net.Conn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	from, _, _ := net.SplitHostPort(c.RemoteAddr().String())
	s.mu.Lock()
	s.lines = append(s.lines, "connect from "+from)
	s.mu.Unlock()
	greeting := "220 sink.example"
	greeting = cmp.Or(s.told(""), greeting)
	fmt.Fprint(c, greeting+"\r\n")
	content := ""
	data := false
	for lines := bufio.NewReader(c); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		if data && line != ".\r\n" {
			content += line
			continue
		}
		line = strings.TrimSpace(line)
		if data {
			line = content
		}
		s.mu.Lock()
		s.lines = append(s.lines, line)
		s.mu.Unlock()
		answer := s.answer(line, data)
		data, content = strings.HasPrefix(answer, "354"), ""
		if fmt.Fprint(c, answer+"\r\n"); strings.HasPrefix(answer, "221") || strings.HasPrefix(answer, "421") {
			return
		}
	}
}

// told is what says answers.
func (s *sink) told(line string) string {
	s.mu.Lock()
	says := s.says
	s.mu.Unlock()
	if says == nil {
		return ""
	}
	return says(line)
}

// say has it answer otherwise from now on.
func (s *sink) say(says func(line string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.says = says
}

func (s *sink) answer(line string, content bool) string {
	asked := line
	if content {
		asked = "."
	}
	if said := s.told(asked); said != "" {
		return said
	}
	switch verb, _, _ := strings.Cut(line, " "); {
	case content:
		return "250 2.0.0 taken"
	case verb == "EHLO":
		return "250-sink.example\r\n250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n250 ENHANCEDSTATUSCODES"
	case verb == "DATA":
		return "354 go on"
	case verb == "QUIT":
		return "221 bye"
	}
	return "250 2.0.0 ok"
}

// heard returns the lines that begin so.
func (s *sink) heard(prefix string) (found []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		if strings.HasPrefix(l, prefix) {
			found = append(found, l)
		}
	}
	return found
}

// has counts the contents with a subject.
func (s *sink) has(subject string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		if strings.Contains(l, "\r\nSubject: "+subject+"\r\n") {
			n++
		}
	}
	return n
}

// sinks listen at several hosts, all on one port.
func sinks(t *testing.T, hosts ...string) (list []*sink, on string) {
	t.Helper()
	for range 20 {
		on = port(t, freePort(t))
		if !slices.ContainsFunc(hosts, func(h string) bool {
			l, err := net.Listen("tcp", net.JoinHostPort(h, on))
			if err == nil {
				l.Close()
			}
			return err != nil
		}) {
			break
		}
	}
	for _, h := range hosts {
		list = append(list, newSink(t, net.JoinHostPort(h, on), nil))
	}
	return list, on
}
