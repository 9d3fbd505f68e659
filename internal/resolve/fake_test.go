package resolve

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A fakeNet stands for the network, inside a bubble of testing/synctest: each server
// does what it is told, after the time it is told, to all questions but probes.
type fakeNet struct {
	mu     sync.Mutex
	does   map[string]deed   // by server, "192.0.2.1:53"
	probes map[string]string // what it does with a probe; "": the same
	asked  []string          // "192.0.2.1 name.test TXT", in turn; a probe is for "."
	ended  int               // tries that were cancelled
}

// A deed is what a server does: a record's data ("A 192.0.2.7"), "silence", or an
// answer code.
type deed struct {
	what  string
	after time.Duration
}

func (f *fakeNet) set(server string, d deed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.does[server+":53"] = d
}

// count returns how often a server was asked about a name.
func (f *fakeNet) count(server, name string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.asked {
		if words := strings.Fields(a); words[0] == server && words[1] == name {
			n++
		}
	}
	return n
}

func (f *fakeNet) exchange(ctx context.Context, _, server string, query *dns.Msg) (*dns.Msg, error) {
	q := query.Question[0]
	f.mu.Lock()
	d := f.does[server]
	if p := f.probes[server]; p != "" && q.Name == "." {
		d = deed{what: p}
	}
	f.asked = append(f.asked, strings.TrimSuffix(server, ":53")+" "+undot(q.Name)+" "+Type(q.Qtype).String())
	f.mu.Unlock()
	if d.what == "silence" {
		d.after = time.Hour
	}
	select {
	case <-time.After(d.after):
	case <-ctx.Done():
		f.mu.Lock()
		f.ended++
		f.mu.Unlock()
		return nil, errors.Join(context.Cause(ctx), errors.New("ended"))
	}
	m := new(dns.Msg).SetReply(query)
	m.RecursionAvailable, m.AuthenticatedData = true, query.AuthenticatedData
	if code, ok := dns.StringToRcode[d.what]; ok {
		m.Rcode = code
		return m, nil
	}
	if q.Name == "." {
		d.what = "NS a.root-servers.net."
	}
	rr, err := dns.NewRR(q.Name + " 60 " + d.what)
	if err != nil {
		return nil, err
	}
	m.Answer = []dns.RR{rr}
	return m, nil
}

// fakeResolver asks a fakeNet of the servers 192.0.2.1, 192.0.2.2, …
func fakeResolver(t *testing.T, c Config, does ...deed) (*Resolver, *fakeNet) {
	t.Helper()
	f := &fakeNet{does: map[string]deed{}, probes: map[string]string{}}
	for i, d := range does {
		addr := "192.0.2." + string(rune('1'+i))
		c.Servers = append(c.Servers, addr)
		f.set(addr, d)
	}
	r := newResolver(t, c)
	r.exchange = f.exchange
	return r, f
}
