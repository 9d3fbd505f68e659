package test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

const askingConfig = `
hostname: mx.test.example
policies:
  - name: default
    pipeline:
      - {filter: spf}
      - {filter: rdns}
`

// TestDNSBudget: a message has its share of questions and no more, and what it had not is a
// failure; the next message has its own.
func TestDNSBudget(t *testing.T) {
	t.Parallel()
	const lists, allowed = 60, 50
	var zones, points []string
	for i := range lists {
		zones = append(zones, fmt.Sprintf("{zone: list%d.example}", i))
		points = append(points, fmt.Sprintf("2.0.0.127.list%d.example. A 127.0.0.2\n", i)) // RFC 5782 §5
	}
	m := serve(t, "hostname: mx.test.example\ngate: []\npolicies:\n  - name: default\n    pipeline:\n      - {filter: dnsbl, lists: ["+strings.Join(zones, ", ")+"]}\n",
		strings.Join(points, ""), fmt.Sprint("resolver.message_questions=", allowed))
	ann := domain(t, m, "test.example")
	failed := func() int {
		_, rest, _ := strings.Cut(metrics(t, m), "\ngatepost_dns_questions_total{told=\"failed\"} ")
		n := 0
		fmt.Sscan(rest, &n)
		return n
	}
	before := failed()
	mailFrom(t, m, goodClient, sender, note("first", "x"), ann).id(t)
	if n := failed() - before; n != lists-allowed {
		t.Errorf("%d questions of the first message failed, want %d", n, lists-allowed)
	}
	mailFrom(t, m, goodClient, sender, note("second", "x"), ann).id(t) // 50 are in memory now
	if n := failed() - before; n != lists-allowed {
		t.Errorf("%d questions failed after the second, want %d", n, lists-allowed)
	}
}

// TestDNSGone: while no DNS server answers mail is taken, judged by what can be told, and
// the node says what is wrong. Once the server is known to be silent nobody waits for it.
func TestDNSGone(t *testing.T) {
	t.Parallel()
	hole, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	m := serve(t, askingConfig, "", "resolver.servers="+hole.LocalAddr().String(), "resolver.timeout=300ms")
	ann := domain(t, m, "test.example")
	sent := 0
	mail := func() {
		t.Helper()
		sent++
		mailFrom(t, m, goodClient, sender, note(fmt.Sprint("hello ", sent), "x"), ann).id(t)
	}
	want := "no DNS server is of use: " + hole.LocalAddr().String() + " (no answer in time, since "
	until(t, 30*time.Second, "that /readyz names the server", func() bool {
		mail()
		status, says := ready(t, m)
		return status == 503 && strings.Contains(says, want)
	})
	mail()
	numbers := metrics(t, m)
	if !strings.Contains(numbers, "\ngatepost_dns_servers_up 0\n") || !strings.Contains(numbers, `gatepost_dns_exchanges_total{fate="silent",server="`+hole.LocalAddr().String()+`"}`) {
		t.Error("/metrics does not say that the server is silent")
	}
	for _, filter := range []string{"spf", "rdns"} {
		if line := fmt.Sprintf("gatepost_filter_results_total{filter=%q,result=\"temperror\"} %d\n", filter, sent); !strings.Contains(numbers, line) {
			t.Errorf("no %s", line)
		}
	}
}
