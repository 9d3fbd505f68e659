package directory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
)

// A mail host that is a domain's own is used by that domain alone, and outlives neither it nor its use.
func anyHost(Host) error { return nil }

func TestOwnHosts(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.change(t, "example.net", func(d *Domain) { d.Names = []string{"example.com"} })
	add := func(name, domain string) (Host, error) {
		return f.AddHost(ctx, "root", Host{Name: name, Domain: domain, Address: "192.0.2.1:25", Roles: []Role{SMTPIn, SMTPOut}})
	}
	use := func(domain string, hosts ...string) error {
		_, err := f.ChangeDomain(ctx, domain, func(d *Domain) error { d.Hosts = hosts; return nil })
		return err
	}
	way := func(domain, host string) error {
		_, err := f.ChangeDomain(ctx, domain, func(d *Domain) error { d.Smarthost = host; return nil })
		return err
	}
	give := func(host, domain string) error {
		_, err := f.ChangeHost(ctx, host, "root", func(h *Host) error { h.Domain = domain; return nil })
		return err
	}
	own, err := add("own", "Example.COM")
	if err != nil || own.Domain != "example.net" {
		t.Fatalf("added: got %+v, %v", own, err)
	}
	_, err = add("node", "")
	wantErr(t, "the node's", err, nil)
	_, err = add("x", "no.example")
	wantErr(t, "of no domain", err, ErrNoDomain)
	_, err = add("x", "a..b")
	wantErr(t, "of what is none", err, ErrInvalid)

	wantErr(t, "another's takes mail", use("example.org", "own"), ErrInvalid)
	wantErr(t, "another's is the way out", way("example.org", "own"), ErrInvalid)
	wantErr(t, "of two one is another's", use("example.org", "node", "own"), ErrInvalid)
	wantErr(t, "the node's", way("example.org", "node"), nil)
	wantErr(t, "its own", way("example.net", "own"), nil)
	wantErr(t, "and the node's", way("example.net", "node"), nil)
	wantErr(t, "used by two", give("node", "example.net"), ErrInUse)
	wantErr(t, "one less", way("example.org", ""), nil)
	wantErr(t, "used by that", give("node", "example.net"), nil)
	wantErr(t, "used by another", give("node", "example.org"), ErrInUse)
	wantErr(t, "the node's again", give("node", ""), nil)

	f.domain(t, "short.example")
	_, err = add("short", "short.example")
	wantErr(t, "of a short one", err, nil)
	wantErr(t, "a domain with its own", f.RemoveDomain(ctx, "short.example"), ErrInUse)
	wantErr(t, "given away", give("short", "example.org"), nil)
	wantErr(t, "a domain without", f.RemoveDomain(ctx, "short.example"), nil)

	for i := range maxOwnHosts - 1 {
		_, err := add(fmt.Sprint("n", i), "example.net")
		wantErr(t, "one of many", err, nil)
	}
	_, err = add("more", "example.net")
	wantErr(t, "one too many", err, ErrFull)
	wantErr(t, "given one too many", give("node", "example.net"), ErrFull)
	wantErr(t, "one of the many changed", give("own", "example.net"), nil)
}

// What is wrong is told with its field.
func TestHostFaults(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	for want, h := range map[string]Host{
		"name":     {Name: "a b", Address: "192.0.2.1:25", Roles: []Role{IMAP}},
		"domain":   {Name: "x", Domain: "no.example", Address: "192.0.2.1:25", Roles: []Role{IMAP}},
		"address":  {Name: "x", Address: "192.0.2.1", Roles: []Role{IMAP}},
		"roles":    {Name: "x", Address: "192.0.2.1:25"},
		"priority": {Name: "x", Address: "192.0.2.1:25", Roles: []Role{IMAP}, Priority: 1001},
		"user":     {Name: "x", Address: "192.0.2.1:25", Roles: []Role{IMAP}, User: "us"},
		"":         {Name: "x", Address: "192.0.2.1:25", Roles: []Role{IMAP}, Spam: "burn"},
	} {
		_, err := f.AddHost(ctx, "root", h)
		var fault *HostFault
		if !errors.As(err, &fault) || fault.Field != want {
			t.Errorf("%q: got %+v, %v", want, fault, err)
		}
	}
}

// Of several who do at once what can't be together one gets through.
func TestHostsAtOnce(t *testing.T) {
	f := newFixture(t)
	atOnce := func(what string, acts ...func(context.Context) error) {
		t.Helper()
		var all sync.WaitGroup
		errs := make([]error, len(acts))
		for i, act := range acts {
			all.Go(func() { errs[i] = act(t.Context()) })
		}
		all.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
			}
		}
		if done != 1 {
			t.Errorf("%s: %d of %d got through: %v", what, done, len(acts), errs)
		}
	}
	add := func(domain string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := f.AddHost(ctx, "root", Host{Name: "one", Domain: domain, Address: "192.0.2.1:25", Roles: []Role{SMTPIn}})
			return err
		}
	}
	remove := func(ctx context.Context) error { return f.RemoveHost(ctx, "one", "root", anyHost) }
	use := func(ctx context.Context) error {
		_, err := f.ChangeDomain(ctx, "example.org", func(d *Domain) error { d.Hosts = []string{"one"}; return nil })
		return err
	}
	give := func(ctx context.Context) error {
		_, err := f.ChangeHost(ctx, "one", "root", func(h *Host) error { h.Domain = "example.net"; return nil })
		return err
	}
	nodes := func() {
		_, err := f.ChangeHost(t.Context(), "one", "root", func(h *Host) error { h.Domain = ""; return nil })
		wantErr(t, "made the node's", err, nil)
	}
	for range 10 {
		atOnce("added", add(""), add("example.net"), add("example.org"))
		nodes()
		atOnce("used by one, given to another", use, give)
		f.change(t, "example.org", func(d *Domain) { d.Hosts = nil })
		nodes()
		atOnce("removed and used", remove, use)
		f.change(t, "example.org", func(d *Domain) { d.Hosts = nil })
		if _, ok := f.Snapshot().Host("one"); ok {
			wantErr(t, "removed", remove(t.Context()), nil)
		}
	}
}
