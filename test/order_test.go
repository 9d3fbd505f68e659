package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gatepost/test/load"
)

// Content durable, then the commit, then 250: strace sees the segment's sync, then
// the database's, then the reply leave.
func TestOrderOfSyncs(t *testing.T) {
	t.Parallel()
	m := start(t)
	if err := m.Stop(); err != nil { // it had to run to take its mailbox; now run it under strace
		t.Fatal(err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	m.Wrap = []string{"strace", "-f", "-y", "-s", "200", "-e", "trace=fsync,fdatasync,write,pwrite64", "-o", trace}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	c, err := load.Dial(m.SMTP, "client.example")
	if err != nil {
		t.Fatal(err)
	}
	code, text, err := c.Send("sender@elsewhere.example", []string{address}, []byte("Subject: order\r\n\r\nbody\r\n"))
	if err != nil || code != 250 {
		t.Fatalf("got %d %s, %v", code, text, err)
	}
	c.Close()
	if err := m.Stop(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	checkOrder(t, string(b))
}

var (
	body    = regexp.MustCompile(`p?write(64|v)?\(\d+<[^>]*/blobs?/.*Subject: order`)
	content = regexp.MustCompile(`f(data)?sync\(\d+<[^>]*/blobs?/`)
	commit  = regexp.MustCompile(`f(data)?sync\(\d+<[^>]*\.db(-wal)?>`)
	reply   = regexp.MustCompile(`write\(\d+<[^>]*(socket|TCP)[^>]*>, "250 2\.0\.0 accepted`)
)

// checkOrder finds the four events, each after the one before.
func checkOrder(t *testing.T, trace string) {
	t.Helper()
	lines := strings.Split(trace, "\n")
	at := 0
	for _, event := range []struct {
		what string
		re   *regexp.Regexp
	}{{"the content written", body}, {"the segment's sync", content}, {"the database's sync", commit}, {"the 250", reply}} {
		for at < len(lines) && !event.re.MatchString(lines[at]) {
			at++
		}
		if at == len(lines) {
			t.Fatalf("%s was not seen in its place; the trace:\n%s", event.what, last(lines, 80))
		}
		t.Logf("%s: %s", event.what, lines[at])
	}
}

func last(lines []string, n int) string {
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
