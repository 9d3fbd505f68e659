package test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Whatever a server says, at whatever moment: what is for good is told to the sender
// in its words, what is not waits with them.
func TestRelayWords(t *testing.T) {
	t.Parallel()
	m := prepare(t, relayConfig, flowZone)
	domain(t, m, "test.example")
	run(t, m, password, "mailbox", "add", reported, "--password-stdin")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	on := func(prefix, reply string) func(string) string {
		return func(line string) string {
			if line != "" && strings.HasPrefix(line, prefix) || line == prefix {
				return reply
			}
			return ""
		}
	}
	ehlo := func(words string) func(string) string { return on("EHLO", "250-sink.example\r\n250 "+words) }
	for i, c := range []struct {
		name   string
		says   func(string) string
		bounce []string // what the report has; nil: it waits
		waits  string   // "code status words" with which it waits
	}{
		{"MAIL refused", on("MAIL", "550 5.7.1 nobody of yours"), []string{"Status: 5.7.1", "nobody of yours", "in answer to MAIL"}, ""},
		{"RCPT refused in several lines", on("RCPT", "550-5.1.1 first line\r\n550-5.1.1 second\r\n550 5.1.1 third"), []string{"Status: 5.1.1", "first line second", "third"}, ""},
		{"latin-1 and control characters", on("RCPT", "550 5.1.1 caf\xe9 \x1b[31m\x00red"), []string{"Status: 5.1.1", "caf"}, ""},
		{"no enhanced code", on("RCPT", "553 go away"), []string{"Status: 5.0.0", "553 go away"}, ""},
		{"a long line", on("RCPT", "550 5.1.1 "+strings.Repeat("long ", 90)), []string{"Status: 5.1.1", "long long"}, ""},
		{"DATA refused", on("DATA", "554 5.5.1 no valid recipients"), []string{"Status: 5.5.1", "no valid recipients", "in answer to DATA"}, ""},
		{"the content refused", on(".", "554 5.7.1 this is spam"), []string{"Status: 5.7.1", "this is spam", "in answer to end of data"}, ""},
		{"too large", ehlo("SIZE 100"), []string{"Status: 5.3.4", "the message has"}, ""},
		{"RCPT deferred", on("RCPT", "450 4.2.1 tomorrow"), nil, "450 4.2.1 tomorrow"},
		{"the content deferred", on(".", "451 4.3.0 disk full"), nil, "451 4.3.0 disk full"},
		{"sent away at RCPT", on("RCPT", "421 4.7.0 too much of you"), nil, "421 4.7.0 too much of you"},
		{"greeted with a refusal", on("", "554 5.3.2 no mail here"), nil, "554 5.3.2 no mail here"},
		{"nonsense", on("MAIL", "what?"), nil, "0 4.4.2"},
		{"hung up on", on("EHLO", "421 4.3.2 going down"), nil, "421 4.3.2 going down"},
		{"EHLO unknown", on("EHLO", "502 5.5.2 what?"), nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSink(t, "127.0.0.1:0", c.says)
			name := fmt.Sprintf("far%d.example", i)
			away(t, m, name, s.addr)
			id := mailFrom(t, m, goodClient, reported, note(c.name, "x"), "a@"+name).id(t)
			if c.waits != "" {
				var last string
				until(t, 20*time.Second, "it was tried", func() bool {
					left := queued(t, m, "--tx", id)
					if len(left) != 1 || left[0].Attempts == 0 {
						return false
					}
					last = fmt.Sprintf("%d %s %s", left[0].Code, left[0].Status, left[0].Reply)
					return true
				})
				if !strings.HasPrefix(last, c.waits) {
					t.Errorf("it waits with %q, want %q", last, c.waits)
				}
				run(t, m, "", "queue", "delete", "--tx", id)
				return
			}
			settled(t, m, id)
			if c.bounce == nil {
				if n := s.has(c.name); n != 1 {
					t.Errorf("the server has it %d times", n)
				}
				return
			}
			texts := withSubject(box(t, m, reported, "INBOX"), "Undelivered / Non remis : a@"+name)
			if len(texts) != 1 {
				t.Fatalf("%d reports", len(texts))
			}
			sees(t, "the report", texts[0], c.bounce...)
			for _, line := range strings.Split(texts[0], "\r\n") {
				if len(line) > 998 || strings.ContainsAny(line, "\x00\x1b\n\r") {
					t.Errorf("the report has a line %q", line)
				}
			}
		})
	}
}
