package test

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/test/machine"
)

// Who talks before the greeting, or does not wait where he has to, is sent away with 554.
func TestEarlyTalker(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\ngate: [{filter: early-talker, delay: 2s}]\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	ann := domain(t, m, "test.example")
	p := dialProxy(t, m, "203.0.113.5")
	p.write("EHLO bot.example\r\nMAIL FROM:<eve@sender.example>\r\n")
	p.want("554 5.5.1 octets came before our greeting", p.answer())

	p = connect(t, m, goodClient) // who waits is served, the first time after a moment
	p.want("250", p.send(sender, note("waited", "x"), ann).data)

	p = dialProxy(t, m, goodClient)
	p.want("220", p.answer())
	p.write("EHLO bot.example\r\nMAIL FROM:<eve@sender.example>\r\n")
	p.want("554 5.5.1 octets came behind EHLO before our reply", p.answer())

	p = dialProxy(t, m, goodClient)
	p.want("220", p.answer())
	p.want("250", p.say("HELO bot.example"))
	p.write("MAIL FROM:<eve@sender.example>\r\nRCPT TO:<" + ann + ">\r\n")
	p.want("250", p.answer()) // the answer comes with the recipient, so that his admin hears of it
	p.want("554 5.5.1 octets came behind MAIL before our reply", p.answer())
	until(t, 10*time.Second, "the journal has the one that came as far as RCPT", func() bool {
		return slices.Equal(states(asked[[]row](t, m, "journal", "search", "--domain", "test.example", "--state", "shut")), []string{ann + " shut early-talker"})
	})
}

// Field note 5: mail refused before DATA is in no quarantine and no history. Here whatever
// came as far as MAIL and named a recipient leaves a row that the recipient's admin sees, the
// gate's refusals, too; and a domain chooses whether it refuses, or takes and holds.
func TestFieldNote05RefusedIsInTheHistory(t *testing.T) {
	t.Parallel()
	m := serve(t, `
hostname: mx.test.example
default_policy: refuse
gate: [{filter: rate, messages_per_minute: 3}]
policies:
  - {name: refuse, pipeline: [{filter: dnsbl, lists: [{zone: dnsbl.example}], on: {listed: reject}}, dhap]}
  - {name: hold, pipeline: [{filter: dnsbl, lists: [{zone: dnsbl.example}], on: {listed: quarantine}}, dhap]}
`, flowZone)
	refuses, holds := domain(t, m, "refuses.example"), domain(t, m, "holds.example", "--policy", "hold")
	p := connect(t, m, listedClient)
	p.want("550", p.send(sender, note("one", "x"), refuses).rcpt[0])
	p.want("250", p.send(sender, note("two", "x"), holds).data)
	p.want("550", p.send(sender, note("three", "x"), "nobody@holds.example").rcpt[0])
	late := p.send(sender, note("four", "x"), refuses, holds)
	p.want("450 4.7.1 203.0.113.0/24 has sent", late.rcpt[0])
	p.want("450 4.7.1 203.0.113.0/24 has sent", late.rcpt[1])
	for domain, want := range map[string][]string{
		"refuses.example": {refuses + " deferred rate", refuses + " refused dnsbl"},
		"holds.example":   {holds + " deferred rate", holds + " held dnsbl", "nobody@holds.example no-such-mailbox"},
	} {
		until(t, 10*time.Second, domain+" has what was refused in its history", func() bool {
			got := states(asked[[]row](t, m, "journal", "search", "--domain", domain))
			slices.Sort(got)
			return slices.Equal(got, want)
		})
	}
}

// What comes for a trap is taken, and a journal row is all that stays of it; who else is
// named in the same transaction has his mail.
func TestTrap(t *testing.T) {
	t.Parallel()
	m := prepare(t, "hostname: mx.test.example\ngate: [ip-ban]\npolicies: [{name: default, pipeline: [ip-allow, dhap, {filter: honeypot, addresses: [ann@test.example, old@test.example]}]}]\n", flowZone)
	ann := domain(t, m, "test.example")
	run(t, m, "", "list", "add", "trap", "trap@test.example")
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	p := connect(t, m, goodClient)
	sent := p.send(sender, note("bait", "x"), "trap@test.example", "old@test.example", ann, "nobody@test.example")
	for i, want := range []string{"250", "250", "250", "550 5.1.1"} {
		p.want(want, sent.rcpt[i])
	}
	id := sent.id(t)
	followed(t, m, id, "trap@test.example discarded honeypot", "old@test.example discarded honeypot", ann+" delivered", "nobody@test.example no-such-mailbox")
	alone := p.send(sender, note("bait alone", "x"), "trap@test.example").id(t)
	followed(t, m, alone, "trap@test.example discarded honeypot")
	if n := len(box(t, m, ann, "INBOX")); n != 1 {
		t.Errorf("ann has %d messages, want the one: she is no trap, whatever the policy says", n)
	}
	if held := asked[[]row](t, m, "quarantine", "list"); len(held) != 0 {
		t.Errorf("held: %v", held)
	}
	p = dialProxy(t, m, goodClient)
	p.want("554 5.7.1", p.answer()) // who wrote to a trap is kept out for a while
	until(t, time.Minute, "the log warns of the trap that is a mailbox", func() bool {
		return strings.Contains(m.Output.String(), "somebody has an address that is named as a trap: it is none")
	})
}

// Who speaks another protocol is sent away each time, and the third time kept out.
func TestProtocolAbuse(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\ngate: [ip-ban]\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	for range 3 {
		p := dialProxy(t, m, goodClient)
		p.want("220", p.answer())
		p.want("500 5.5.2 this is SMTP", p.say("POST / HTTP/1.1"))
		p.conn.Close()
	}
	until(t, 10*time.Second, "the client is banned", func() bool {
		p := dialProxy(t, m, goodClient)
		defer p.conn.Close()
		return strings.HasPrefix(p.answer(), "554 5.7.1")
	})
	connect(t, m, "192.0.2.8") // its neighbour is not
}

// Who names a recipient that exists again and again, and never sends a message, is sent away
// after a hundred times, and the third time kept out. A message between begins anew.
func TestRecipientLoop(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\ngate: [ip-ban]\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	ann := domain(t, m, "test.example")
	loop := func(p *peer, times int) {
		t.Helper()
		for range times {
			p.want("250", p.say("MAIL FROM:<eve@sender.example>"))
			p.want("250", p.say("RCPT TO:<"+ann+">"))
			p.want("250", p.say("RSET"))
		}
	}
	for range 3 {
		p := connect(t, m, goodClient)
		loop(p, 99)
		p.want("250", p.send(sender, note("hello", "x"), ann).data)
		loop(p, 100)
		p.want("421 4.7.0 too many transactions", p.say("MAIL FROM:<eve@sender.example>"))
		p.conn.Close()
	}
	until(t, 10*time.Second, "the client is banned", func() bool {
		p := dialProxy(t, m, goodClient)
		defer p.conn.Close()
		return strings.HasPrefix(p.answer(), "554 5.7.1")
	})
}

// A burst of connections at one time has no more let in than the limit on those that are
// open, however fast it comes.
func TestBurstOfConnections(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\ngate: [{filter: rate, parallel_connections: 5}]\npolicies: [{name: default, pipeline: []}]\n", flowZone)
	var mu sync.Mutex
	heard := map[string]int{}
	var all sync.WaitGroup
	var conns []*peer
	for range 40 {
		conns = append(conns, dialProxy(t, m, goodClient))
	}
	for _, p := range conns {
		all.Go(func() {
			line := lastLine(p.r)
			mu.Lock()
			defer mu.Unlock()
			heard[line[:min(3, len(line))]]++
		})
	}
	all.Wait()
	if heard["220"] < 1 || heard["220"] > 5 || heard["220"]+heard["421"] != 40 {
		t.Errorf("heard %v, want 220 five times at most, else 421", heard)
	}
	for _, p := range conns {
		p.conn.Close()
	}
	until(t, 10*time.Second, "they are gone, and one is let in", func() bool {
		p := dialProxy(t, m, goodClient)
		defer p.conn.Close()
		return strings.HasPrefix(p.answer(), "220")
	})
}

// One client tries 10,000 recipients, as fast as it can: it learns nothing from some
// hundred on, and is banned; others are served.
func TestTenThousandRecipients(t *testing.T) {
	t.Parallel()
	m := serve(t, "hostname: mx.test.example\ngate: [ip-ban]\npolicies: [{name: default, pipeline: [{filter: dhap, tarpit: 10ms}]}]\n", flowZone)
	ann := domain(t, m, "test.example")
	heard := map[string]int{}
	connections := 0
	for tried := 0; tried < 10_000; connections++ {
		tried += harvest(t, m, tried, heard)
	}
	t.Logf("%d connections heard %v", connections, heard)
	if heard["550"] < 40 || heard["550"] > 120 || heard["421"] < 1 || heard["250"] > 0 {
		t.Errorf("heard %v; want 550 for the first hundred at most, then 421, and then a ban", heard)
	}
	p := connect(t, m, "203.0.113.9")
	p.want("250", p.send(sender, note("hello", "x"), ann).data)
	if n := strings.Count(m.Output.String(), "\n"); n > 5_000 {
		t.Errorf("%d lines of log", n)
	}
}

// harvest tries recipients in one connection, 20 in a group, until it is closed, and
// returns how many it has sent; heard counts the answers to them.
func harvest(t *testing.T, m *machine.Machine, from int, heard map[string]int) (sent int) {
	t.Helper()
	p := dialProxy(t, m, goodClient)
	defer p.conn.Close()
	p.conn.SetDeadline(time.Now().Add(time.Minute))
	for line := range slices.Values([]string{"", "EHLO bot.example\r\n", "MAIL FROM:<eve@sender.example>\r\n"}) {
		if _, err := io.WriteString(p.conn, line); err != nil || !strings.HasPrefix(lastLine(p.r), "2") {
			return 20 // it is not let in any more
		}
	}
	var group strings.Builder
	for i := range 20 {
		fmt.Fprintf(&group, "RCPT TO:<u%d@test.example>\r\n", from+i)
	}
	io.WriteString(p.conn, group.String())
	for range 20 {
		r := lastLine(p.r)
		if r == "" {
			break
		}
		heard[r[:3]]++
	}
	return 20
}

// lastLine reads a reply and returns its last line, "" where there is none any more.
func lastLine(r *bufio.Reader) string {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return ""
		}
		if len(line) > 3 && line[3] == ' ' {
			return line
		}
	}
}
