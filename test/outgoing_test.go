package test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/directory"
	"gatepost/internal/store"
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

// directing changes the directory of a machine that does not run.
func directing(t *testing.T, m *machine.Machine, f func(context.Context, *directory.Directory) error) {
	t.Helper()
	ctx := context.Background()
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(ctx, filepath.Join(m.Dir, "gatepost.db"))
	if err != nil {
		t.Fatal(err)
	}
	rows := db.Directory()
	d, err := directory.New(ctx, directory.Config{Rows: rows, Entries: rows})
	if err == nil {
		err = f(ctx, d)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A home is a domain whose mail lives on mail hosts.
type home struct {
	name   string
	hosts  []directory.Host // their names, addresses and what differs from the defaults
	lookup string
}

// away adds domains whose mail lives elsewhere to a machine that does not run.
func away(t *testing.T, m *machine.Machine, homes ...home) {
	t.Helper()
	directing(t, m, func(ctx context.Context, d *directory.Directory) error {
		for _, h := range homes {
			dom := directory.Domain{Name: h.name, Lookup: h.lookup}
			for _, host := range h.hosts {
				host.Roles = []directory.Role{directory.SMTPIn}
				if _, err := d.AddHost(ctx, host); err != nil {
					return err
				}
				dom.Hosts = append(dom.Hosts, host.Name)
			}
			if _, err := d.AddDomain(ctx, dom); err != nil {
				return err
			}
		}
		return nil
	})
}

// at is one mail host that a domain's mail lives on.
func at(domain, addr string) home {
	return home{name: domain, hosts: []directory.Host{{Name: "host." + domain, Address: addr}}}
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
