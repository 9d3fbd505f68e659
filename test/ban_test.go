package test

import (
	"bufio"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
)

// banConfig has a gate of one filter.
const banConfig = "hostname: mx.test.example\nproxy: {trusted: [127.0.0.2/32]}\ngate: [ip-ban]\npolicies: [{name: default, pipeline: []}]\n"

// Who is banned by hand is told so in the banner's place, before and after a kill, until
// the ban is lifted; his neighbour is let in. This machine can't be banned.
func TestBanned(t *testing.T) {
	t.Parallel()
	m := serve(t, banConfig, "")
	domain(t, m, "test.example")
	const bad, neighbour = "203.0.113.9", "203.0.113.10"
	greeting := func(client string) string {
		t.Helper()
		return dialProxy(t, m, client).answer()
	}
	told := regexp.MustCompile(`^554 5\.7\.1 203\.0\.113\.9 is banned until [-0-9 ]*\d\d:\d\d UTC; if this is a mistake, write to postmaster@mx\.test\.example`)
	greets := func(client string, banned bool) {
		t.Helper()
		if got := greeting(client); told.MatchString(got) != banned || strings.HasPrefix(got, "220 ") == banned {
			t.Errorf("%s: got %q", client, got)
		}
	}
	greets(bad, false)
	run(t, m, "", "ban", "add", bad, "--for", "2h", "--note", "floods us")
	greets(bad, true)
	greets(neighbour, false)
	if _, errs, status := m.Try("", "ban", "add", "127.0.0.9"); status != 2 || !strings.Contains(errs, "never banned") {
		t.Errorf("this machine: status %d, %s", status, errs)
	}
	_, numbers := get(t, m, "/metrics")
	for _, want := range []string{`gatepost_bans_active{cause="admin"} 1`, `gatepost_bans_imposed_total{cause="admin"} 1`, `gatepost_bans_refused_total{door="smtp"} 1`} {
		if !strings.Contains(numbers, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	m.Kill()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	greets(bad, true)
	if list := asked[[]struct{ Network, Cause, Note string }](t, m, "ban", "list"); len(list) != 1 || list[0].Network != bad+"/32" || list[0].Cause != "admin" || list[0].Note != "floods us" {
		t.Errorf("list: %+v", list)
	}
	run(t, m, "", "ban", "lift", bad, "--reason", "they called")
	greets(bad, false)
	if out := run(t, m, "", "ban", "show", bad); !strings.Contains(out, "lifted by admin (") || !strings.Contains(out, "they called") {
		t.Errorf("show: %s", out)
	}
}

// imapLogin logs in from a local address and returns the answer.
func imapLogin(t *testing.T, addr, from, user, password string) string {
	t.Helper()
	d := net.Dialer{Timeout: time.Minute, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "a LOGIN %s \"%s\"\r\n", user, password)
	for r := bufio.NewReader(conn); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: %v", user, err)
		}
		if answer, ok := strings.CutPrefix(line, "a "); ok {
			return answer
		}
	}
}

// Five wrong passwords at IMAP shut the account for who guesses, for a while. The neighbour
// at the same address goes on, and so does the owner elsewhere.
func TestWrongPasswordsShutThePair(t *testing.T) {
	t.Parallel()
	m := serve(t, banConfig, "")
	ann := domain(t, m, "test.example")
	run(t, m, password, "mailbox", "add", "bob@test.example", "--password-stdin")
	for i := range 5 {
		if got := imapLogin(t, m.IMAP, "127.0.7.1", ann, fmt.Sprint("wrong", i)); !strings.HasPrefix(got, "NO [AUTHENTICATIONFAILED]") {
			t.Fatalf("guess %d: %s", i, got)
		}
	}
	right := strings.TrimSpace(password)
	for _, tt := range []struct{ from, user, want string }{
		{"127.0.7.1", ann, "NO [UNAVAILABLE]"}, {"127.0.7.1", "bob@test.example", "OK"}, {"127.0.8.1", ann, "OK"},
	} {
		if got := imapLogin(t, m.IMAP, tt.from, tt.user, right); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s from %s: got %s, want %s", tt.user, tt.from, got, tt.want)
		}
	}
	if list := asked[[]struct{}](t, m, "ban", "list", "--all"); len(list) > 0 {
		t.Errorf("%d bans", len(list))
	}
}
