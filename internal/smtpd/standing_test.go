package smtpd

import (
	"strings"
	"sync/atomic"
	"testing"

	"gatepost/internal/mail"
)

// a lock is a Standing that a test ends.
type lock struct {
	begun, entered *atomic.Int64
	over           *atomic.Bool
}

func (l lock) Entered(mail.Path) { l.entered.Add(1) }
func (l lock) Stands() bool      { return !l.over.Load() }

// Where what a client logged in with has changed it is told so at its next command, and a message whose content was on its way then
// is not accepted.
func TestLoginOver(t *testing.T) {
	const over = "S: 421 4.7.0 what you logged in with has changed, log in again"
	in := []string{"S: 220 *", "H: client.example", "C: AUTH PLAIN AGFubgBzZWNyZXQ=", "S: 235 *"}
	envelope := []string{"C: MAIL FROM:<ann@x.example>", "S: 250 *", "C: RCPT TO:<bob@y.example>", "S: 250 *"}
	for name, one := range map[string]struct{ before, after []string }{
		"idle":            {nil, []string{"C: NOOP", over, "E:"}},
		"MAIL":            {nil, []string{"C: MAIL FROM:<ann@x.example>", over, "E:"}},
		"RCPT":            {envelope, []string{"C: RCPT TO:<carl@y.example>", over, "E:"}},
		"DATA":            {envelope, []string{"C: DATA", over, "E:"}},
		"content":         {append(envelope[:4:4], "C: DATA", "S: 354 *", "C: Subject: x"), []string{"C: ", "C: text", "C: .", over, "E:"}},
		"chunks":          {append(envelope[:4:4], `c: "BDAT 4\r\ntext"`, "S: 250 *"), []string{"C: BDAT 0 LAST", over, "E:"}},
		"QUIT":            {nil, []string{"C: QUIT", "S: 221 *", "E:"}},
		"after a message": {append(envelope[:4:4], "C: DATA", "S: 354 *", "C: .", "S: 250 *"), []string{"C: RSET", over, "E:"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := lock{new(atomic.Int64), new(atomic.Int64), new(atomic.Bool)}
			c, m := testConfig(), new(machine)
			c.Submission = true
			c.Standing = func() Standing { l.begun.Add(1); return l }
			addr, _ := start(t, c, m)
			p := dial(t, addr)
			p.exchange(in...)
			p.exchange(one.before...)
			if l.begun.Load() != 1 || l.entered.Load() != 1 {
				t.Fatalf("%d begun, %d entered", l.begun.Load(), l.entered.Load())
			}
			taken := strings.Count(m.log(), "data ")
			p.flush()
			l.over.Store(true)
			p.exchange(one.after...)
			if now := strings.Count(m.log(), "data "); now != taken {
				t.Errorf("%d messages were taken, and %d before", now, taken)
			}
		})
	}
}
