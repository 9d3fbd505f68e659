package test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatepost/test/machine"
	mta "gatepost/test/peer"
)

// postfix starts a real mail server for the mail of domains.
func postfix(t *testing.T, c mta.PostfixConfig) *mta.Postfix {
	t.Helper()
	p, err := mta.StartPostfix(t.TempDir(), c)
	if errors.Is(err, mta.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("Postfix's log:\n%s", last(strings.Split(p.Log(), "\n"), 60))
		}
	})
	return p
}

// wire stands between the machine and a mail server, and tells what passed.
func wire(t *testing.T, to string) *mta.Wire {
	t.Helper()
	w, err := mta.NewWire(to, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// away adds a domain whose mail lives on mail hosts, the first of which is tried
// first.
func away(t *testing.T, m *machine.Machine, name string, addrs ...string) {
	t.Helper()
	add := []string{"domain", "add", name}
	for i, addr := range addrs {
		host := fmt.Sprintf("host%d.%s", i, name)
		run(t, m, "", "host", "add", host, "--address", addr, "--roles", "smtp-in", "--priority", strconv.Itoa(i))
		add = append(add, "--host", host)
	}
	run(t, m, "", add...)
}

// A transfer is one line of `queue list --json`: the fields that stay.
type transfer struct {
	ID                                                                           int64
	Tx, Sender, Recipient, Destination, State, Host, Status, Reply, Why, Subject string
	Attempts, Code                                                               int
	Due, Expires                                                                 time.Time
	Events                                                                       []struct{ Recipient, What, Reply string }
}

func queued(t *testing.T, m *machine.Machine, flags ...string) []transfer {
	t.Helper()
	return asked[[]transfer](t, m, append([]string{"queue", "list"}, flags...)...)
}

// settled waits until nothing of a transaction is in the queue any more.
func settled(t *testing.T, m *machine.Machine, id string) {
	t.Helper()
	until(t, 30*time.Second, "transaction "+id+" is settled", func() bool { return len(queued(t, m, "--tx", id)) == 0 })
}

// landed returns the messages with a subject that a Postfix has, as they came: LF ends
// their lines. They are delivered after its answer, so want of them are waited for.
func landed(t *testing.T, p *mta.Postfix, subject string, want int) (found []string) {
	t.Helper()
	until(t, 20*time.Second, "Postfix delivers "+subject, func() bool {
		found = nil
		err := p.Mails(func(b []byte) {
			header, _, _ := strings.Cut(string(b), "\n\n")
			if strings.Contains(header+"\n", "\nSubject: "+subject+"\n") {
				found = append(found, string(b))
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return len(found) >= want
	})
	if len(found) != want {
		t.Fatalf("Postfix has %s %d times, want %d", subject, len(found), want)
	}
	return found
}

// port is an address's.
func port(t *testing.T, addr string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
