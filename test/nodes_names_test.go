package test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gatepost/internal/blob/s3/s3test"
	"gatepost/test/machine"
)

// Whichever node a message comes to, what claims to be found by another is taken out (RFC 8601 §5), also where that
// one is no more.
func TestNodesOfOtherNames(t *testing.T) {
	t.Parallel()
	_, dsn := postgres(t)
	web := httptest.NewServer(s3test.New("mail"))
	t.Cleanup(web.Close)
	a := start(t, append(bucketSets(dsn, web.URL), "hostname=mx1.test.example")...)
	b, err := machine.New(bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b.Sets = append(a.Sets[:len(a.Sets)-1:len(a.Sets)-1], "hostname=MX2.test.example")
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Kill)
	forged := func(token string) string {
		return "Authentication-Results: mx2.test.example; dkim=pass header.d=bank.example\r\n" +
			"Authentication-Results: mx1.test.example; dkim=pass header.d=bank.example\r\n" +
			"Authentication-Results: mx.other.example; dkim=none\r\n" +
			"Received: from bank.example by mx.other.example; Thu, 26 Nov 2026 12:00:00 +0000\r\n" +
			"Received-SPF: pass (mx2.test.example: all is well)\r\n" +
			"Subject: " + token + "\r\n\r\nx\r\n"
	}
	believed := func(m *machine.Machine, token string) bool {
		t.Helper()
		if said := offer(t, m, []byte(forged(token))); said != "" {
			t.Fatalf("%s: %s", token, said)
		}
		got := withSubject(box(t, m, address, "INBOX"), token)
		if len(got) != 1 {
			t.Fatalf("%s: the inbox has it %d times", token, len(got))
		}
		sees(t, token, got[0], "\r\nAuthentication-Results: mx.other.example; dkim=none\r\n")
		return strings.Contains(got[0], "bank.example\r\nAuth") || strings.Contains(got[0], "header.d=bank") || strings.Contains(got[0], "all is well")
	}
	if believed(b, "at the second") {
		t.Error("a forged finding of the first node passes the second")
	}
	n := 0
	until(t, time.Minute, "the first knows the second's name", func() bool {
		n++
		return !believed(a, "at the first "+strings.Repeat("x", n))
	})
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	if believed(a, "at the last") {
		t.Error("a forged finding of a node that is gone passes")
	}
}
