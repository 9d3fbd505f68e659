package test

import (
	"strings"
	"testing"
	"time"
)

// What became of a message is what its last keeper said, not what the filters hoped: the
// mailbox, or the far server in its own words; and a row says so for as long as is declared.
func TestFieldNote07HistoryTellsTheTruth(t *testing.T) {
	t.Parallel()
	m := prepare(t, relayConfig, flowZone)
	domain(t, m, "test.example")
	run(t, m, password, "mailbox", "add", reported, "--password-stdin")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	takes := newSink(t, "127.0.0.1:0", nil)
	refuses := newSink(t, "127.0.0.1:0", func(line string) string {
		if line == "." {
			return "554 5.7.1 we think this is spam"
		}
		return ""
	})
	waits := newSink(t, "127.0.0.1:0", func(line string) string {
		if strings.HasPrefix(line, "RCPT") {
			return "450 4.2.1 the box is busy"
		}
		return ""
	})
	away(t, m, "takes.example", takes.addr)
	away(t, m, "refuses.example", refuses.addr)
	away(t, m, "waits.example", waits.addr)
	for _, c := range []struct{ to, state, shown string }{
		{"ann@test.example", "delivered", "→ delivered"},
		{"a@takes.example", "relayed", "carried   " + takes.addr + "  250 2.0.0 taken"},
		{"a@refuses.example", "bounced", "refused  " + refuses.addr + "  554 5.7.1 we think this is spam"},
		{"a@waits.example", "queued", "deferred  " + waits.addr + "  450 4.2.1 the box is busy"},
	} {
		id := mailFrom(t, m, goodClient, reported, note(c.to, "x"), c.to).id(t)
		until(t, 20*time.Second, c.to+" is "+c.state, func() bool {
			rows := asked[[]row](t, m, "journal", "search", "--id", id)
			shown := strings.Join(strings.Fields(run(t, m, "", "journal", "show", id)), " ")
			return len(rows) == 1 && rows[0].State == c.state && strings.Contains(shown, strings.Join(strings.Fields(c.shown), " "))
		})
	}
}
