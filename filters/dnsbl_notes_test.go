package filters

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/dnsbl"
	"gatepost/internal/mail"
	"gatepost/pipeline"
	"gatepost/test/bubble"
)

// listDNS answers for DNS lists: what say says of a zone and the name in it. "" is no such
// name, "servfail" and "wait" are failures.
type listDNS struct {
	fakeDNS
	mu  sync.Mutex
	say map[string]func(name string) string
}

func (d *listDNS) LookupNetIP(ctx context.Context, _, name string) ([]netip.Addr, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for zone, say := range d.say {
		about, ok := strings.CutSuffix(name, "."+zone)
		if !ok {
			continue
		}
		switch text := say(about); text {
		case "":
			return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
		case "servfail":
			return nil, &net.DNSError{Err: "SERVFAIL", Name: name, IsTemporary: true}
		case "wait":
			d.mu.Unlock()
			<-ctx.Done()
			d.mu.Lock()
			return nil, &net.DNSError{Err: "no answer in time", Name: name, IsTimeout: true}
		default:
			return []netip.Addr{netip.MustParseAddr(text)}, nil
		}
	}
	return nil, fmt.Errorf("no zone has %s", name)
}

func (d *listDNS) set(zone string, say func(string) string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.say[zone] = say
}

// always answers for everybody alike, well for who is well.
func always(text string) func(string) string { return func(string) string { return text } }

// sane answers the test points as a list should, and else what say says.
func sane(say func(string) string) func(string) string {
	return func(name string) string {
		switch name {
		case "2.0.0.127":
			return "127.0.0.2"
		case "1.0.0.127":
			return ""
		}
		return say(name)
	}
}

// alerts notes what an admin is told.
type alerts struct{ told []string }

func (a *alerts) Changed(c dnsbl.Condition) {
	a.told = append(a.told, fmt.Sprint(c.List.Zone, " observed: ", c.Trouble))
}

func (a *alerts) Failed(l dnsbl.List, s dnsbl.Answer) {
	a.told = append(a.told, l.Zone+" "+s.Cause)
}

// A listWorld is a dnsbl filter with its health.
type listWorld struct {
	dns    *listDNS
	health *dnsbl.Health
	filter pipeline.Filter
	alerts alerts
}

func newListWorld(t *testing.T, lists ...dnsblList) *listWorld {
	t.Helper()
	w := &listWorld{dns: &listDNS{say: map[string]func(string) string{}}}
	for _, l := range lists {
		w.dns.set(l.Zone, sane(always("")))
	}
	w.health = dnsbl.NewHealth(w.dns, &w.alerts)
	var err error
	if w.filter, err = newDNSBL(Deps{Resolver: w.dns, Lists: w.health}, dnsblOptions{Lists: lists, Share: 0.5}); err != nil {
		t.Fatal(err)
	}
	return w
}

// inBubble runs a test in a bubble of synctest.
func inBubble(f func(*testing.T)) func(*testing.T) {
	return func(t *testing.T) { synctest.Test(t, f) }
}

// run has lists probed while a test lasts, and waits for the first round.
func (w *listWorld) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.health.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	synctest.Wait()
}

// mail sends a mail from a client and returns the finding's result and reason.
func (w *listWorld) mail(t *testing.T, client string) string {
	t.Helper()
	tx := pipeline.NewTransaction(t.Context(), "id", time.Unix(0, 0), mail.Client{Addr: netip.MustParseAddr(client)}, nil)
	defer tx.Close()
	q := pipeline.Query{Tx: tx.WithMail("ann@example.org", mail.Params{}).WithRcpt()}
	ctx, cancel := context.WithTimeout(t.Context(), dnsblTime)
	defer cancel()
	f, err := w.filter.Check(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.filter.(pipeline.Recorder).Record(ctx, q, f); err != nil {
		t.Fatal(err)
	}
	return f.Result + ": " + f.Reason
}

// TestFieldNote01ErrorCodesListNobody: a list that answers everybody with an error code, or
// with a code that nobody declared, lists nobody; the admin is told the cause.
func TestFieldNote01ErrorCodesListNobody(t *testing.T) {
	cases := []struct{ code, cause string }{
		{"127.255.255.254", "use a resolver of your own, or a key"},
		{"127.255.255.255", "refuses so many queries"},
		{"127.255.255.252", "misspelt"},
		{"127.0.0.77", "not among its codes"},
		{"203.0.113.80", "parked"},
	}
	for _, c := range cases {
		w := newListWorld(t, dnsblList{Zone: "a.example", Codes: []string{"127.0.0.2-11"}})
		w.dns.set("a.example", sane(always(c.code)))
		for range 3 {
			if got := w.mail(t, "192.0.2.7"); got != "temperror: none of 1 lists gave a valid answer" {
				t.Errorf("%s: %s", c.code, got)
			}
		}
		if len(w.alerts.told) != 1 || !strings.Contains(w.alerts.told[0], c.cause) {
			t.Errorf("%s: told %q, want once %q", c.code, w.alerts.told, c.cause)
		}
	}
}

// TestFieldNote02DeadListsHaveNoVoice: a list that died, or begins to list everybody, is only
// observed, the share is counted among the others, and the admin is told; also where its
// test points look well.
func TestFieldNote02DeadListsHaveNoVoice(t *testing.T) {
	lists := []dnsblList{{Zone: "a.example", Weight: 3}, {Zone: "b.example"}, {Zone: "c.example"}}
	cases := []struct {
		name  string
		a     func(string) string
		probe bool
		told  string
	}{
		{"dead", always(""), true, "does not list 127.0.0.2"},
		{"lists the world", always("127.0.0.2"), true, "lists the world"},
		{"lists the world but the test points", sane(always("127.0.0.2")), false, "lists 198.41.0.4, 192.36.148.17, "},
	}
	for _, c := range cases {
		t.Run(c.name, inBubble(func(t *testing.T) {
			w := newListWorld(t, lists...)
			w.health.Probe(t.Context())
			w.dns.set("b.example", sane(func(name string) string {
				if strings.HasPrefix(name, "66.") {
					return "127.0.0.2"
				}
				return ""
			}))
			for i := range 200 { // as it was before: nobody is listed
				if got := w.mail(t, fmt.Sprintf("198.51.%d.7", i)); got != "none: not listed" {
					t.Fatal("before: ", got)
				}
			}
			w.dns.set("a.example", c.a)
			if c.probe {
				w.health.Probe(t.Context())
			} else {
				w.run(t)
				for i := range 96 {
					w.mail(t, fmt.Sprintf("203.0.%d.7", i))
				}
				bubble.Sleep(time.Minute) // of the bubble's clock
			}
			if got := w.mail(t, "192.0.2.7"); got != "none: not listed, but 1 of 3 lists gave no valid answer" {
				t.Errorf("who is in no other list: %s", got)
			}
			if got := w.mail(t, "192.0.2.66"); got != "listed: listed by b.example" {
				t.Errorf("one of two, where three would have outvoted it: %s", got)
			}
			if len(w.alerts.told) != 1 || !strings.Contains(w.alerts.told[0], c.told) {
				t.Errorf("told %q", w.alerts.told)
			}
		}))
	}
}

// TestFieldNote03ErrorIsNeverClean: that lists can't be asked is neither clean nor good, and
// one slow list takes no more than the time that there is.
func TestFieldNote03ErrorIsNeverClean(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newListWorld(t, dnsblList{Zone: "slow.example"}, dnsblList{Zone: "b.example"})
		w.dns.set("slow.example", always("wait"))
		begun := time.Now()
		if got := w.mail(t, "192.0.2.7"); got != "none: not listed, but 1 of 2 lists gave no valid answer" {
			t.Error(got)
		}
		if took := time.Since(begun); took >= dnsblTime {
			t.Errorf("waited %v of %v", took, dnsblTime)
		}
		w.dns.set("b.example", always("servfail"))
		if got := w.mail(t, "192.0.2.7"); got != "temperror: none of 2 lists gave a valid answer" {
			t.Error(got)
		}
		for range 30 { // it is not waited for any more
			w.mail(t, "192.0.2.7")
		}
		begun = time.Now()
		if got := w.mail(t, "192.0.2.7"); got != "temperror: none of 2 lists gave a valid answer" || time.Since(begun) > 0 {
			t.Errorf("%s after %v", got, time.Since(begun))
		}
	})
}

// TestFieldNote03GoodForEverybody: a list of the good that answers for everybody, since it
// does not serve us any more, vouches for nobody.
func TestFieldNote03GoodForEverybody(t *testing.T) {
	good := dnsblList{Zone: "w.example", Kind: "allow", Codes: []string{"127.0.0.0/16"}}
	t.Run("by its refusal", func(t *testing.T) {
		w := newListWorld(t, good)
		w.dns.set("w.example", sane(always("127.0.0.255")))
		if got := w.mail(t, "192.0.2.7"); !strings.HasPrefix(got, "temperror: ") {
			t.Error(got)
		}
		if len(w.alerts.told) != 1 || !strings.Contains(w.alerts.told[0], "refuses queries through this resolver") {
			t.Errorf("told %q", w.alerts.told)
		}
	})
	t.Run("as HI", inBubble(func(t *testing.T) {
		w := newListWorld(t, good)
		w.run(t)
		w.dns.set("w.example", sane(always("127.0.10.3")))
		for i := range 100 {
			if got := w.mail(t, fmt.Sprintf("198.51.%d.7", i)); !strings.HasPrefix(got, "allowed") {
				t.Fatalf("mail %d: %s", i, got)
			}
		}
		bubble.Sleep(time.Minute) // of the bubble's clock
		if got := w.mail(t, "192.0.2.7"); got != "temperror: none of 1 lists gave a valid answer" {
			t.Error(got)
		}
		if len(w.alerts.told) != 1 || !strings.Contains(w.alerts.told[0], "which no list has a reason to") {
			t.Errorf("told %q", w.alerts.told)
		}
	}))
	t.Run("by the test points", func(t *testing.T) {
		w := newListWorld(t, good)
		w.dns.set("w.example", always("127.0.10.3"))
		w.health.Probe(t.Context())
		if got := w.mail(t, "192.0.2.7"); !strings.HasPrefix(got, "temperror: ") {
			t.Error(got)
		}
	})
}
