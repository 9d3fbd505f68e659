package dnsbl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func list(t *testing.T, zone, kind string, weight float64, enough bool, codes ...string) List {
	t.Helper()
	l, err := NewList(zone, kind, weight, enough, codes)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// fakeDNS answers a name with addresses; "servfail" and an absent name are errors.
type fakeDNS map[string]string

func (f fakeDNS) LookupNetIP(ctx context.Context, network, name string) (addrs []netip.Addr, err error) {
	if network != "ip4" {
		return nil, fmt.Errorf("network %s", network)
	}
	text, ok := f[name]
	switch {
	case !ok:
		return nil, &net.DNSError{Err: "no such name", Name: name, IsNotFound: true}
	case text == "servfail":
		return nil, &net.DNSError{Err: "SERVFAIL", Name: name, IsTemporary: true}
	case text == "wait":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for word := range strings.FieldsSeq(text) {
		addrs = append(addrs, netip.MustParseAddr(word))
	}
	return addrs, nil
}

func TestNames(t *testing.T) {
	cases := []struct{ addr, want string }{
		{"192.0.2.7", "7.2.0.192.zone.test"},
		{"::ffff:192.0.2.7", "7.2.0.192.zone.test"},
		{"64:ff9b::c000:207", "7.2.0.192.zone.test"},
		{"2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.zone.test"},
	}
	for _, c := range cases {
		if got := AddrName(netip.MustParseAddr(c.addr), "zone.test"); got != c.want {
			t.Errorf("%s: got %s, want %s", c.addr, got, c.want)
		}
	}
	if got := DomainName("Example.ORG.", "zone.test"); got != "example.org.zone.test" {
		t.Errorf("got %s", got)
	}
}

func TestCodes(t *testing.T) {
	cases := []struct {
		name, codes, yes, no string
	}{
		{"default", "", "127.0.0.2 127.0.0.254", "127.0.0.1 127.0.0.255 127.0.1.2 127.255.255.254 192.0.2.1"},
		{"one", "127.0.0.4", "127.0.0.4", "127.0.0.2 127.0.0.5"},
		{"range", "127.0.0.2-11", "127.0.0.2 127.0.0.11", "127.0.0.12 127.0.1.3"},
		{"long range", "127.0.0.250-127.0.1.3", "127.0.0.251 127.0.1.3", "127.0.1.4"},
		{"network", "127.0.1.0/24", "127.0.1.0 127.0.1.255", "127.0.2.0"},
		{"mask", "127.0.0.0/24 & 0x06", "127.0.0.2 127.0.0.4 127.0.0.7", "127.0.0.1 127.0.0.8"},
		{"with their meaning", "127.0.0.2: spam sources,127.0.0.9 : hijacked", "127.0.0.2 127.0.0.9", "127.0.0.3"},
		{"several", "127.0.0.2,127.0.0.9", "127.0.0.2 127.0.0.9", "127.0.0.3"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var texts []string
			if c.codes != "" {
				texts = strings.Split(c.codes, ",")
			}
			codes, err := ParseCodes(texts)
			if err != nil {
				t.Fatal(err)
			}
			for a := range strings.FieldsSeq(c.yes) {
				if !codes.Has(netip.MustParseAddr(a)) {
					t.Errorf("%s is not a hit", a)
				}
			}
			for a := range strings.FieldsSeq(c.no) {
				if codes.Has(netip.MustParseAddr(a)) {
					t.Errorf("%s is a hit", a)
				}
			}
		})
	}
}

func TestBadCodes(t *testing.T) {
	for _, s := range []string{
		"", "2", "127.0.0", "128.0.0.1", "127.0.0.9-2", "127.0.0.2-300", "10.0.0.0/8", "127.0.0.0/99",
		"127.0.0.0/24&0", "127.0.0.0/24&256", "127.255.255.254", "127.0.0.0/8", "127.255.0.0-127.255.255.3", "::1", "127.0.0.2-::1", "127.0.0.2: a\nb",
		"127.0.0.2: " + strings.Repeat("long", 20),
	} {
		if _, err := ParseCodes([]string{s}); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
}

func TestBadLists(t *testing.T) {
	cases := []struct {
		zone, kind string
		weight     float64
	}{{"", "", 1}, {"[192.0.2.1]", "", 1}, {"no zone", "", 1}, {"zone.test", "grey", 1}, {"zone.test", "", -1}}
	for _, c := range cases {
		if _, err := NewList(c.zone, c.kind, c.weight, false, nil); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

func TestClassify(t *testing.T) {
	l := list(t, "zone.test", "deny", 1, false, "127.0.0.2-11")
	cases := []struct {
		name, codes string
		err         error
		want        State
		fault       Fault
		cause       string
	}{
		{"declared", "127.0.0.4", nil, Hit, "", ""},
		{"declared beside another", "127.0.0.99 127.0.0.4", nil, Hit, "", ""},
		{"unknown", "127.0.0.99", nil, Error, UnknownCode, "not among its codes"},
		{"public resolver", "127.255.255.254", nil, Error, PublicResolver, "refuses queries through this resolver"},
		{"refusal beside a hit", "127.0.0.4 127.255.255.254", nil, Error, PublicResolver, "refuses"},
		{"misspelt zone", "127.255.255.252", nil, Error, Misspelt, "misspelt"},
		{"too many queries", "127.255.255.255", nil, Error, TooMany, "so many"},
		{"parked domain", "203.0.113.9", nil, Error, Parked, "parked"},
		{"no such name", "", &net.DNSError{IsNotFound: true}, Miss, "", ""},
		{"no data", "", nil, Miss, "", ""},
		{"servfail", "", &net.DNSError{Err: "SERVFAIL", IsTemporary: true}, Error, Failed, "SERVFAIL"},
		{"no answer", "", &net.DNSError{Err: "no answer in time", IsTimeout: true}, Error, TimedOut, "in time"},
		{"out of time", "", context.DeadlineExceeded, Error, TimedOut, "in time"},
		{"cancelled", "", context.Canceled, Error, Cancelled, "canceled"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var codes []netip.Addr
			for a := range strings.FieldsSeq(c.codes) {
				codes = append(codes, netip.MustParseAddr(a))
			}
			state, fault, cause := l.Classify(codes, c.err)
			if state != c.want || !strings.Contains(cause, c.cause) || (cause == "") != (state != Error) || fault != c.fault {
				t.Errorf("got %s (%s), want %s (%s)", state, cause, c.want, c.cause)
			}
		})
	}
}

func TestAskAndJudge(t *testing.T) {
	deny := func(name string, weight float64) List { return list(t, name, "deny", weight, false) }
	client := Subject{Addr: netip.MustParseAddr("192.0.2.7"), Domains: []string{"example.org", "example.net"}}
	cases := []struct {
		name  string
		lists []List
		dns   fakeDNS
		want  string
	}{
		{"one of two is half", []List{deny("a", 1), deny("b", 1)}, fakeDNS{"7.2.0.192.a": "127.0.0.2"}, "listed 0.50 told"},
		{"one of three is not", []List{deny("a", 1), deny("b", 1), deny("c", 1)}, fakeDNS{"7.2.0.192.a": "127.0.0.2"}, "free 0.33 told"},
		{"by weight", []List{deny("a", 2), deny("b", 1), deny("c", 1)}, fakeDNS{"7.2.0.192.a": "127.0.0.2"}, "listed 0.50 told"},
		{"a failing list has no voice", []List{deny("a", 1), deny("b", 1), deny("c", 1)},
			fakeDNS{"7.2.0.192.a": "127.0.0.2", "7.2.0.192.b": "servfail"}, "listed 0.50 told errors 1"},
		{"refusals list nobody", []List{deny("a", 1), deny("b", 1)},
			fakeDNS{"7.2.0.192.a": "127.255.255.254", "7.2.0.192.b": "127.255.255.254"}, "free 0.00 mute errors 2"},
		{"enough alone", []List{list(t, "a", "deny", 1, true), deny("b", 5)}, fakeDNS{"7.2.0.192.a": "127.0.0.2"}, "listed 0.17 told"},
		{"allowed", []List{list(t, "a", "allow", 1, false), deny("b", 1)}, fakeDNS{"7.2.0.192.a": "127.0.0.2"}, "free 0.00 told allowed"},
		{"an allowing list is no voice", []List{list(t, "a", "allow", 9, false), deny("b", 1)}, fakeDNS{"7.2.0.192.b": "127.0.0.2"}, "listed 1.00 told"},
		{"denying ones mute, allowing one not", []List{list(t, "a", "allow", 9, false), deny("b", 1)}, fakeDNS{"7.2.0.192.b": "servfail"}, "free 0.00 mute errors 1"},
		{"allowing ones alone", []List{list(t, "a", "allow", 9, false)}, fakeDNS{}, "free 0.00 told"},
		{"domain", []List{list(t, "a", "domain", 1, false)}, fakeDNS{"example.net.a": "127.0.0.2", "example.org.a": "servfail"}, "listed 1.00 told"},
		{"domain, in doubt", []List{list(t, "a", "domain", 1, false)}, fakeDNS{"example.org.a": "servfail"}, "free 0.00 mute errors 1"},
		{"observed only", []List{deny("observed", 9), deny("b", 1)}, fakeDNS{"7.2.0.192.observed": "127.0.0.2"}, "free 0.00 told errors 1"},
		{"none", nil, nil, "free 0.00 mute"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			answers := Ask(t.Context(), c.dns, c.lists, client)
			for i, a := range answers {
				if a.List.Zone == "observed" {
					answers[i].Trouble = ErrBroken
				}
			}
			if got := Judge(answers, DefaultShare).words(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func (v Verdict) words() string {
	words := []string{"free", fmt.Sprintf("%.2f", v.Share), "mute"}
	if v.Listed {
		words[0] = "listed"
	}
	if v.Told {
		words[2] = "told"
	}
	if v.Allowed {
		words = append(words, "allowed")
	}
	if v.Errors > 0 {
		words = append(words, fmt.Sprint("errors ", v.Errors))
	}
	return strings.Join(words, " ")
}

func TestNothingToAskAbout(t *testing.T) {
	lists := []List{list(t, "a", "deny", 1, false), list(t, "b", "domain", 1, false)}
	for _, a := range Ask(t.Context(), fakeDNS{}, lists, Subject{}) {
		if a.State != NotRun || a.String() != "not run" {
			t.Errorf("%s: %s", a.List.Zone, a)
		}
	}
}

// TestAskEach holds that each subject has answers of its own, and that addresses are asked of
// those lists alone that know them.
func TestAskEach(t *testing.T) {
	both := list(t, "b", "domain", 1, false)
	both.Addresses = true
	lists := []List{list(t, "a", "domain", 1, false), both}
	dns := fakeDNS{"one.example.a": "127.0.0.2", "7.2.0.192.a": "127.0.0.2", "7.2.0.192.b": "127.0.0.2"}
	subjects := []Subject{{Domains: []string{"one.example"}}, {Addr: netip.MustParseAddr("192.0.2.7")}}
	for i := range 2 * atOnce {
		subjects = append(subjects, Subject{Domains: []string{fmt.Sprint("d", i, ".example")}})
	}
	answers := AskEach(t.Context(), dns, lists, subjects)
	want := []string{"[hit 127.0.0.2 for one.example miss for one.example]", "[not run hit 127.0.0.2 for 192.0.2.7]", "[miss for d0.example miss for d0.example]"}
	for i, w := range want {
		if got := fmt.Sprint(answers[i]); got != w {
			t.Errorf("got %s, want %s", got, w)
		}
	}
	if len(answers) != len(subjects) {
		t.Errorf("%d answers", len(answers))
	}
}

func TestOutOfTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	lists := []List{list(t, "a", "deny", 1, false), list(t, "b", "deny", 1, false)}
	dns := fakeDNS{"7.2.0.192.a": "wait", "7.2.0.192.b": "127.0.0.2"}
	answers := Ask(ctx, dns, lists, Subject{Addr: netip.MustParseAddr("192.0.2.7")})
	if answers[0].State != Error || answers[1].State != Hit {
		t.Errorf("got %s, %s", answers[0], answers[1])
	}
}

func TestProbe(t *testing.T) {
	deny, domain := list(t, "a", "deny", 1, false, "127.0.0.9"), list(t, "a", "domain", 1, false)
	old := domain
	old.Test = "test.example.com"
	cases := []struct {
		name string
		list List
		dns  fakeDNS
		want string
	}{
		{"well", deny, fakeDNS{"2.0.0.127.a": "127.0.0.2"}, ""},
		{"well, domains", domain, fakeDNS{"test.a": "127.0.0.2"}, ""},
		{"well, by a name of its own", old, fakeDNS{"test.example.com.a": "127.0.0.2"}, ""},
		{"dead, by a name of its own", old, fakeDNS{"test.a": "127.0.0.2"}, "does not list test.example.com"},
		{"dead", deny, fakeDNS{}, "dead"},
		{"lists the world", deny, fakeDNS{"2.0.0.127.a": "127.0.0.2", "1.0.0.127.a": "127.0.0.2"}, "the world"},
		{"domains, the world", domain, fakeDNS{"test.a": "127.0.0.2", "invalid.a": "127.0.0.2"}, "the world"},
		{"parked", deny, fakeDNS{"2.0.0.127.a": "203.0.113.1", "1.0.0.127.a": "203.0.113.1"}, "parked"},
		{"refuses", deny, fakeDNS{"2.0.0.127.a": "127.255.255.254", "1.0.0.127.a": "127.255.255.254"}, "refuses"},
		{"half silent", deny, fakeDNS{"2.0.0.127.a": "127.0.0.2", "1.0.0.127.a": "servfail"}, "SERVFAIL"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := c.list.Probe(t.Context(), c.dns)
			if silent := c.name == "half silent"; err != nil && (errors.Is(err, ErrSilent) != silent || errors.Is(err, ErrBroken) == silent) {
				t.Errorf("kind of error: %v", err)
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func FuzzParseCodes(f *testing.F) {
	f.Add("127.0.0.2-11", byte(4))
	f.Add("127.0.0.0/24&0x06", byte(2))
	f.Fuzz(func(t *testing.T, text string, last byte) {
		codes, err := ParseCodes([]string{text})
		if err != nil {
			return
		}
		for _, a := range [][4]byte{{127, 255, 255, last}, {128, 0, 0, last}, {126, 255, 255, last}} {
			if codes.Has(netip.AddrFrom4(a)) {
				t.Errorf("%q has %v", text, a)
			}
		}
	})
}
