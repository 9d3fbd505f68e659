package test

import (
	"strings"
	"testing"
	"time"
)

// Mail that waits for a server follows its domain to mailboxes here.
func TestRelayMoved(t *testing.T) {
	t.Parallel()
	m := prepare(t, relayConfig, worldZone+"new.example. MX 10 dead.mx.example.\n", "relay.port="+port(t, freePort(t)))
	p := userOf(t, m)
	away(t, m, "far.example", freePort(t))
	tried := func(id string, n int) {
		t.Helper()
		until(t, 20*time.Second, "it was tried", func() bool {
			left := queued(t, m, "--tx", id)
			for _, l := range left {
				if l.Attempts == 0 {
					return false
				}
			}
			return len(left) == n
		})
	}
	hosted := p.send(reported, noteBy(reported, "hosted", "x"), "bob@far.example", "nobody@far.example").id(t)
	world := p.send(reported, noteBy(reported, "world", "x"), "bob@new.example").id(t)
	tried(hosted, 2)
	tried(world, 1)

	run(t, m, "", "domain", "set", "far.example", "--host", "")
	run(t, m, "", "domain", "add", "new.example")
	for _, name := range []string{"far.example", "new.example"} {
		run(t, m, password, "mailbox", "add", "bob@"+name, "--password-stdin")
	}
	run(t, m, "", "queue", "flush", "--all")
	settled(t, m, world)
	tried(hosted, 1)
	for name, subject := range map[string]string{"far.example": "hosted", "new.example": "world"} {
		if n := len(withSubject(box(t, m, "bob@"+name, "INBOX"), subject)); n != 1 {
			t.Errorf("bob@%s has it %d times", name, n)
		}
	}
	followed(t, m, world, "bob@new.example delivered")
	followed(t, m, hosted, "bob@far.example delivered", "nobody@far.example queued")
	until(t, 20*time.Second, "what waits tells why", func() bool {
		left := queued(t, m, "--tx", hosted)
		return len(left) == 1 && left[0].Recipient == "nobody@far.example" && strings.Contains(left[0].Reply, "no such mailbox")
	})
	run(t, m, "", "alias", "add", "nobody@far.example", "bob@far.example")
	run(t, m, "", "queue", "retry", "--tx", hosted)
	settled(t, m, hosted)
	run(t, m, "", "check", "store")
}
