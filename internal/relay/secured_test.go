package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/mtasts"
	"gatepost/internal/queue"
	"gatepost/internal/resolve"
	"gatepost/internal/resolve/resolvetest"
	"gatepost/internal/tlsreport"
)

// counted is what a relay reported and counted.
type counted struct {
	mu       sync.Mutex
	sessions []string
	failures []tlsreport.Failure
	levels   []string
}

func (c *counted) Note(s tlsreport.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures = append(c.failures, s.Failure)
	c.sessions = append(c.sessions, strings.TrimSpace(fmt.Sprint(s.Policy.Domain, " ", s.Policy.Type, " ", s.Failure.Result)))
}

func (c *counted) Carried(level string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.levels = append(c.levels, level)
}

func (c *counted) TLSFailed(string) {}

func (c *counted) all() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(append(c.sessions, c.levels...), "; ")
}

// policies is Policies: by domain, a policy or why there is none.
type policies map[string]any

func (p policies) Policy(_ context.Context, domain string) (mtasts.Policy, error) {
	switch known := p[domain].(type) {
	case mtasts.Policy:
		return known, nil
	case error:
		return mtasts.Policy{}, known
	}
	return mtasts.Policy{}, nil
}

// elsewhere is a relay, and servers for a.example: mx1 at 127.0.0.1 and mx2 at
// 127.0.0.2, on one port.
type elsewhere struct {
	*Relay
	counted
	one, two *server
}

// reach makes one. In the zone PORT is the servers'.
func reach(t *testing.T, config Config, zoneText string, one, two *tls.Config) *elsewhere {
	t.Helper()
	e := &elsewhere{}
	e.one, e.two = pair(t, one, two)
	dns, err := resolvetest.Serve(strings.ReplaceAll(zoneText, "PORT", fmt.Sprint(e.one.addr.Port())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dns.Close() })
	r, err := resolve.New(resolve.Config{Servers: []string{dns.Addr}, Timeout: time.Second, Validates: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	config.Hostname, config.Resolver, config.Router, config.Port = "gate.example", r, routes{}, int(e.one.addr.Port())
	config.DNSSEC, config.Reports, config.Observer = r, &e.counted, &e.counted
	e.Relay = New(config)
	t.Cleanup(e.Close)
	return e
}

// pair starts two servers on one port; without a certificate a server offers no TLS.
func pair(t *testing.T, one, two *tls.Config) (a, b *server) {
	t.Helper()
	for range 20 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at := netip.MustParseAddrPort(first.Addr().String())
		second, err := net.Listen("tcp", fmt.Sprint("127.0.0.2:", at.Port()))
		if err != nil {
			first.Close()
			continue
		}
		start := func(l net.Listener, c *tls.Config) *server {
			s := &server{addr: netip.MustParseAddrPort(l.Addr().String()), script: map[string]string{"STARTTLS": "220 go"}, tls: c}
			if c != nil {
				s.script["EHLO"] = "250-x\n250 STARTTLS"
			}
			s.listen(t, l)
			return s
		}
		return start(first, one), start(second, two)
	}
	t.Fatal("no port is free on both addresses")
	return nil, nil
}

const servers = `
a.example.     MX 10 mx1.a.example.
mx1.a.example. A 127.0.0.1
b.example.     MX 10 mx1.a.example.
b.example.     MX 20 mx2.a.example.
mx2.a.example. A 127.0.0.2
`

const signed = "!secure *.example.\n!secure a.example.\n!secure b.example.\n"

// What DANE makes of a domain with one server.
func TestDANE(t *testing.T) {
	own := (*issuer)(nil).issue(t, time.Now().Add(time.Hour), "anything.example")
	other := (*issuer)(nil).issue(t, time.Now().Add(time.Hour), "anything.example")
	record := "_PORT._tcp.mx1.a.example. TLSA " + text(own.record(3, 1, 1)) + "\n"
	wrong := "_PORT._tcp.mx1.a.example. TLSA " + text(other.record(3, 1, 1)) + "\n"
	unusable := "_PORT._tcp.mx1.a.example. TLSA " + text(other.record(1, 1, 1)) + "\n"
	const alias = "a.example. MX 10 also.a.example.\nalso.a.example. CNAME mx.elsewhere.test.\nmx.elsewhere.test. A 127.0.0.1\n"
	for name, c := range map[string]struct {
		zone string
		tls  *tls.Config
		want string // beginning of what is told
		also string // what is counted
	}{
		"match":             {signed + servers + record, own.server(), "carried", "a.example tlsa; dane"},
		"no match":          {signed + servers + wrong, own.server(), "deferred 0 4.7.5 STARTTLS the certificate of mx1.a.example does not match its TLSA record (3 1 1 ", "a.example tlsa validation-failure"},
		"one of two":        {signed + servers + wrong + record, own.server(), "carried", "a.example tlsa; dane"},
		"no TLS":            {signed + servers + record, nil, "deferred 0 4.7.5 STARTTLS the server offers no TLS, which is required by its TLSA records (DANE, RFC 7672)", "a.example tlsa starttls-not-supported"},
		"unusable":          {signed + servers + unusable, own.server(), "carried", "a.example tlsa; opportunistic"},
		"unusable, no TLS":  {signed + servers + unusable, nil, "deferred 0 4.7.5 STARTTLS the server offers no TLS, which is required", "a.example tlsa starttls-not-supported"},
		"no records":        {signed + servers, own.server(), "carried", "a.example no-policy-found; opportunistic"},
		"no records, clear": {signed + servers, nil, "carried", "a.example no-policy-found starttls-not-supported; clear"},
		"SERVFAIL": {signed + servers + record + "!servfail _PORT._tcp.mx1.a.example.", own.server(),
			"deferred 0 4.7.5  looking up the TLSA records _PORT._tcp.mx1.a.example of the server mx1.a.example (DANE, RFC 7672): lookup", "a.example tlsa dnssec-invalid"},
		"nothing is secure": {servers + wrong, own.server(), "carried", "a.example no-policy-found; opportunistic"},
		"MX is not":         {"!secure *.a.example.\n" + servers + wrong, own.server(), "carried", "a.example no-policy-found; opportunistic"},
		"address is not":    {"!secure a.example.\n!secure *.mx1.a.example.\n" + servers + wrong, own.server(), "carried", "a.example no-policy-found; opportunistic"},
		"TLSA is not":       {"!secure a.example.\n!secure mx1.a.example.\n" + servers + wrong, own.server(), "carried", "a.example no-policy-found; opportunistic"},
		"alias, records at its end": {signed + "!secure *.elsewhere.test.\n" + alias + "_PORT._tcp.mx.elsewhere.test. TLSA " + text(other.record(3, 1, 1)) +
			"\n_PORT._tcp.also.a.example. TLSA " + text(own.record(3, 1, 1)), own.server(), "deferred 0 4.7.5", "a.example tlsa validation-failure"},
		"alias, records at it": {signed + "!secure *.elsewhere.test.\n" + alias + "_PORT._tcp.also.a.example. TLSA " + text(own.record(3, 1, 1)), own.server(), "carried", "a.example tlsa; dane"},
		"alias to a zone that is not signed": {signed + alias + "_PORT._tcp.also.a.example. TLSA " + text(other.record(3, 1, 1)), own.server(),
			"deferred 0 4.7.5", "a.example tlsa validation-failure"},
		"no MX": {signed + "a.example. A 127.0.0.1\n_PORT._tcp.a.example. TLSA " + text(own.record(3, 1, 1)), own.server(), "carried", "a.example tlsa; dane"},
	} {
		t.Run(name, func(t *testing.T) {
			e := reach(t, Config{}, c.zone, c.tls, nil)
			got := told(e.Carry(t.Context(), job(queue.ByMX("a.example"), "ann@a.example")))
			if want := strings.ReplaceAll(c.want, "PORT", fmt.Sprint(e.one.addr.Port())); !strings.HasPrefix(got, want) {
				t.Errorf("got %s, want %s…", got, want)
			}
			if also := e.all(); also != c.also {
				t.Errorf("counted %s, want %s", also, c.also)
			}
			if _, contents := e.one.count(); contents > 0 != strings.HasPrefix(c.want, "carried") {
				t.Errorf("the server got %d messages", contents)
			}
		})
	}
}

// What MTA-STS makes of a domain with two servers, and how DANE goes before it.
func TestSTS(t *testing.T) {
	root := (*issuer)(nil).issue(t, time.Now().Add(time.Hour))
	good := root.issue(t, time.Now().Add(time.Hour), "mx1.a.example", "mx2.a.example")
	foreign := root.issue(t, time.Now().Add(time.Hour), "mx.other.example")
	expired := root.issue(t, time.Now().Add(-time.Hour), "mx1.a.example")
	own := (*issuer)(nil).issue(t, time.Now().Add(time.Hour), "mx1.a.example")
	sts := func(mode mtasts.Mode, mx ...string) mtasts.Policy { return mtasts.Policy{Mode: mode, MX: mx} }
	record := func(i *issuer) string { return "_PORT._tcp.mx1.a.example. TLSA " + text(i.record(3, 1, 1)) }
	unusable := "_PORT._tcp.mx1.a.example. TLSA " + text(own.record(1, 1, 1))
	for name, c := range map[string]struct {
		policy any
		zone   string
		one    *issuer
		want   string
		also   string
	}{
		"enforced":            {sts(mtasts.Enforce, "mx1.a.example"), "", good, "carried", "b.example sts; mta-sts"},
		"enforced, wildcard":  {sts(mtasts.Enforce, "*.a.example"), "", good, "carried", "b.example sts; mta-sts"},
		"the second is named": {sts(mtasts.Enforce, "mx2.a.example"), "", good, "carried", "b.example sts validation-failure; b.example sts; mta-sts"},
		"none is named": {sts(mtasts.Enforce, "mx.c.example"), "", good,
			"deferred 0 4.7.5  the MTA-STS policy of b.example (RFC 8461) does not name the server mx2.a.example, but mx.c.example: it forbids to send there", "b.example sts validation-failure; b.example sts validation-failure"},
		"another name": {sts(mtasts.Enforce, "mx1.a.example"), "", foreign,
			"deferred 0 4.7.5 STARTTLS the certificate of mx1.a.example is not for that name, but for mx.other.example: the MTA-STS policy of its domain (RFC 8461) forbids", "b.example sts certificate-host-mismatch"},
		"expired":                            {sts(mtasts.Enforce, "mx1.a.example"), "", expired, "deferred 0 4.7.5 STARTTLS the certificate of mx1.a.example ran out on ", "b.example sts certificate-expired"},
		"of nobody":                          {sts(mtasts.Enforce, "mx1.a.example"), "", own, "deferred 0 4.7.5 STARTTLS the certificate of mx1.a.example is signed by nobody", "b.example sts certificate-not-trusted"},
		"no TLS":                             {sts(mtasts.Enforce, "mx1.a.example"), "", nil, "deferred 0 4.7.5 STARTTLS the server offers no TLS, which is required by the MTA-STS", "b.example sts starttls-not-supported"},
		"the next is good":                   {sts(mtasts.Enforce, "*.a.example"), "", expired, "carried", "b.example sts certificate-expired; b.example sts; mta-sts"},
		"testing, of nobody":                 {sts(mtasts.Testing, "mx1.a.example"), "", own, "carried", "b.example sts certificate-not-trusted; opportunistic"},
		"testing, unnamed":                   {sts(mtasts.Testing, "mx.c.example"), "", good, "carried", "b.example sts validation-failure; opportunistic"},
		"testing, no TLS":                    {sts(mtasts.Testing, "mx1.a.example"), "", nil, "carried", "b.example sts starttls-not-supported; clear"},
		"none any more":                      {sts(mtasts.None), "", own, "carried", "b.example no-policy-found; opportunistic"},
		"not fetched":                        {errors.New("refused"), "", own, "carried", "b.example sts sts-policy-fetch-error; b.example no-policy-found; opportunistic"},
		"nonsense":                           {fmt.Errorf("x: %w", mtasts.ErrInvalid), "", own, "carried", "b.example sts sts-policy-invalid; b.example no-policy-found; opportunistic"},
		"of another server":                  {fmt.Errorf("x: %w", mtasts.ErrCertificate), "", own, "carried", "b.example sts sts-webpki-invalid; b.example no-policy-found; opportunistic"},
		"DANE trusts":                        {sts(mtasts.Enforce, "mx.c.example"), record(own), own, "carried", "b.example tlsa; dane"},
		"unusable records, enforced":         {sts(mtasts.Enforce, "mx1.a.example"), unusable, good, "carried", "b.example sts; mta-sts"},
		"unusable records, of nobody":        {sts(mtasts.Enforce, "mx1.a.example"), unusable, own, "deferred 0 4.7.5 STARTTLS the certificate of mx1.a.example is signed by nobody", "b.example sts certificate-not-trusted"},
		"unusable records, unnamed":          {sts(mtasts.Enforce, "mx2.a.example"), unusable, good, "carried", "b.example sts validation-failure; b.example sts; mta-sts"},
		"unusable records, testing":          {sts(mtasts.Testing, "mx1.a.example"), unusable, own, "carried", "b.example sts certificate-not-trusted; opportunistic"},
		"unusable records, testing, no TLS":  {sts(mtasts.Testing, "*.a.example"), unusable, nil, "carried", "b.example sts starttls-not-supported; b.example sts; opportunistic"},
		"unusable records, testing, unnamed": {sts(mtasts.Testing, "mx2.a.example"), unusable, good, "carried", "b.example sts validation-failure; opportunistic"},
		"unusable records, no policy":        {sts(mtasts.None), unusable, own, "carried", "b.example tlsa; opportunistic"},
		"DANE does not":                      {sts(mtasts.Enforce, "mx1.a.example"), record(own), good, "deferred 0 4.7.5 STARTTLS the certificate of mx1.a.example does not match", "b.example tlsa validation-failure"},
	} {
		t.Run(name, func(t *testing.T) {
			var one *tls.Config
			if c.one != nil {
				one = c.one.server(root)
			}
			e := reach(t, Config{Policies: policies{"b.example": c.policy}, Roots: root.pool()}, signed+servers+c.zone, one, good.server(root))
			got := told(e.Carry(t.Context(), job(queue.ByMX("b.example"), "bob@b.example")))
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s, want %s…", got, c.want)
			}
			if also := e.all(); also != c.also {
				t.Errorf("counted %s, want %s", also, c.also)
			}
		})
	}
}

// What a policy's web server said is told to nobody elsewhere, since the domain may have
// led us to one of our own; nor is which resolver we ask.
func TestReportsTellNothing(t *testing.T) {
	for _, err := range []error{errors.New("secret"), fmt.Errorf("%w: secret", mtasts.ErrInvalid), fmt.Errorf("%w: secret", mtasts.ErrCertificate)} {
		e := reach(t, Config{Policies: policies{"b.example": err}}, servers, nil, nil)
		e.Carry(t.Context(), job(queue.ByMX("b.example"), "bob@b.example"))
		if len(e.failures) != 2 || e.failures[0].Reason == "" || strings.Contains(e.failures[0].Reason, "secret") {
			t.Errorf("%v: told %q", err, e.failures)
		}
	}
	e := reach(t, Config{}, signed+servers+"!servfail _PORT._tcp.mx1.a.example.", nil, nil)
	e.Carry(t.Context(), job(queue.ByMX("a.example"), "ann@a.example"))
	if len(e.failures) != 1 || e.failures[0].Reason == "" || strings.Contains(e.failures[0].Reason, "127.0.0.") {
		t.Errorf("of our resolver: told %q", e.failures)
	}
}

// A message that waives TLS goes, over TLS where it is offered, and is not counted.
func TestWaived(t *testing.T) {
	own := (*issuer)(nil).issue(t, time.Now().Add(time.Hour), "mx1.a.example")
	zone := signed + servers + "_PORT._tcp.mx1.a.example. TLSA 3 1 1 " + strings.Repeat("00", 32)
	for header, want := range map[string]string{
		"TLS-Required: No\r\n": "carried", "tls-required: no\r\n": "carried", "TLS-Required: Yes\r\n": "deferred", "": "deferred",
		"TLS-Required: No\r\nTLS-Required: No\r\n": "deferred", "Subject: x\r\n\r\nTLS-Required: No\r\n": "deferred",
	} {
		e := reach(t, Config{Policies: policies{"b.example": mtasts.Policy{Mode: mtasts.Enforce, MX: []string{"mx1.a.example"}}}}, zone, own.server(), nil)
		for _, domain := range []string{"a.example", "b.example"} {
			j := job(queue.ByMX(domain), "ann@a.example")
			j.Content = mail.NewMessage([]byte(header + "Subject: x\r\n\r\nhello\r\n"))
			if got := told(e.Carry(t.Context(), j)); !strings.HasPrefix(got, want) {
				t.Errorf("%q to %s: got %s, want %s", header, domain, got, want)
			}
		}
		if got := e.all(); want == "carried" && got != "opportunistic; opportunistic" {
			t.Errorf("%q: counted %s", header, got)
		}
	}
}

// A connection that was opened under less does not serve where more is asked; under
// the same it does.
func TestPoolKeepsLevelsApart(t *testing.T) {
	root := (*issuer)(nil).issue(t, time.Now().Add(time.Hour))
	own := (*issuer)(nil).issue(t, time.Now().Add(time.Hour), "mx1.a.example")
	const free = "!secure *.example.\nfree.example. MX 1 mx1.a.example.\nc.example. MX 1 mx1.a.example.\n!secure c.example.\n"
	e := reach(t, Config{Policies: policies{"free.example": mtasts.Policy{Mode: mtasts.Enforce, MX: []string{"mx1.a.example"}}}, Roots: root.pool()},
		strings.ReplaceAll(free, "!secure *.example.", "!secure *.a.example.\n!secure a.example.")+servers+
			"d.example. MX 1 mx1.a.example.\n_PORT._tcp.mx1.a.example. TLSA "+text(own.record(3, 1, 1)), own.server(root), nil)
	for _, step := range []struct {
		domain      string
		want        string
		connections int
	}{
		{"d.example", "carried", 1},     // opportunistic: its MX is not secure
		{"free.example", "deferred", 2}, // the policy would trust no such certificate
		{"a.example", "carried", 3},     // by DANE
		{"c.example", "carried", 3},     // by the same
		{"d.example", "carried", 3},
	} {
		got := told(e.Carry(t.Context(), job(queue.ByMX(step.domain), "ann@a.example")))
		if connections, _ := e.one.count(); !strings.HasPrefix(got, step.want) || connections != step.connections {
			t.Errorf("%s: %s after %d connections, want %s after %d", step.domain, got, connections, step.want, step.connections)
		}
	}
}

// kept is mtasts.Rows.
type kept map[string]mtasts.Kept

func (k kept) Policies(context.Context) ([]mtasts.Kept, error)     { return nil, nil }
func (k kept) PutPolicy(_ context.Context, p mtasts.Kept) error    { k[p.Domain] = p; return nil }
func (k kept) DropPolicy(context.Context, string, time.Time) error { return nil }

// From the record over the policy's server to the mail server, all of it real.
func TestSTSFetched(t *testing.T) {
	web, _ := website(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, mtasts.Policy{Mode: mtasts.Enforce, MX: []string{"mx2.a.example"}, MaxAge: time.Hour}.Text())
	}, "mta-sts.b.example")
	root := (*issuer)(nil).issue(t, time.Now().Add(time.Hour))
	good := root.issue(t, time.Now().Add(time.Hour), "mx2.a.example").server(root)
	e := reach(t, Config{Roots: root.pool()}, servers+"_mta-sts.b.example. TXT \"v=STSv1; id=1;\"\nmta-sts.b.example. A 127.0.0.1\n", good, good)
	web.Resolver = e.c.Resolver
	rows := kept{}
	policies, err := mtasts.New(t.Context(), mtasts.Config{Resolver: e.c.Resolver.(*resolve.Resolver), Fetcher: web, Rows: rows})
	if err != nil {
		t.Fatal(err)
	}
	e.c.Policies = policies
	got := told(e.Carry(t.Context(), job(queue.ByMX("b.example"), "bob@b.example")))
	if !strings.HasPrefix(got, "carried") || e.all() != "b.example sts validation-failure; b.example sts; mta-sts" || len(rows) != 1 {
		t.Errorf("%s, counted %s, %d rows", got, e.all(), len(rows))
	}
}
