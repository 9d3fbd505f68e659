package relay

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/mail"
	"gatepost/internal/mtasts"
	"gatepost/internal/queue"
)

// requiredJob is a job that came with REQUIRETLS.
func requiredJob(d queue.Destination) queue.Job {
	j := job(d, "ann@a.example")
	j.Message.Params.RequireTLS = true
	return j
}

// Where mail that came with REQUIRETLS goes of a domain elsewhere (RFC 8689 §4.2.1).
func TestRequireTLS(t *testing.T) {
	ca := (*issuer)(nil).issue(t, time.Now().Add(time.Hour))
	good := ca.issue(t, time.Now().Add(time.Hour), "mx1.a.example")
	own := (*issuer)(nil).issue(t, time.Now().Add(time.Hour), "mx1.a.example")
	record := "_PORT._tcp.mx1.a.example. TLSA " + text(own.record(3, 1, 1)) + "\n"
	policy := func(m mtasts.Mode, names ...string) policies {
		return policies{"a.example": mtasts.Policy{Mode: m, MX: names}}
	}
	const promises, silent = "250-x\n250-STARTTLS\n250 REQUIRETLS", "250-x\n250 STARTTLS"
	const nothing = "refused 0 5.7.30  the message came with REQUIRETLS (RFC 8689), and nothing vouches for the mail servers of a.example"
	const breaks = "refused 0 5.7.30 EHLO the message came with REQUIRETLS (RFC 8689), and the server does not promise"
	for name, c := range map[string]struct {
		zone   string
		sts    policies
		tls    *tls.Config
		says   string
		header string
		want   string
		also   string
	}{
		"DANE":                     {signed + servers + record, nil, own.server(), promises, "", "carried", "a.example tlsa; dane"},
		"DANE, no promise":         {signed + servers + record, nil, own.server(), silent, "", breaks, "a.example tlsa"},
		"signed MX":                {signed + servers, nil, good.server(), promises, "", "carried", "verified"},
		"signed MX, a stranger":    {signed + servers, nil, own.server(), promises, "", "deferred 0 4.7.0 STARTTLS", ""},
		"signed MX, no TLS":        {signed + servers, nil, nil, promises, "", "deferred 0 4.7.0 STARTTLS the server offers no TLS", ""},
		"signed MX, no promise":    {signed + servers, nil, good.server(), silent, "", breaks, ""},
		"nothing vouches":          {servers, nil, good.server(), promises, "", nothing, ""},
		"STS":                      {servers, policy(mtasts.Enforce, "mx1.a.example"), good.server(), promises, "", "carried", "a.example sts; mta-sts"},
		"STS, tried out":           {servers, policy(mtasts.Testing, "mx1.a.example"), good.server(), promises, "", nothing, ""},
		"waived as well":           {servers, policy(mtasts.Enforce, "mx1.a.example"), own.server(), promises, "TLS-Required: No\r\n", "deferred 0 4.7.5 STARTTLS", "a.example sts certificate-not-trusted"},
		"STS not known now":        {servers, policies{"a.example": errors.New("10.0.0.1 does not answer")}, good.server(), promises, "", "deferred 0 4.7.5  the message came with REQUIRETLS (RFC 8689), and the MTA-STS policy of a.example can't be had now", "a.example sts sts-policy-fetch-error"},
		"STS names another server": {servers, policy(mtasts.Enforce, "mx9.a.example"), good.server(), promises, "", "deferred 0 4.7.5", "a.example sts validation-failure"},
	} {
		t.Run(name, func(t *testing.T) {
			e := reach(t, Config{Roots: ca.pool(), Policies: c.sts}, c.zone, c.tls, nil)
			if c.tls != nil {
				e.one.mu.Lock()
				e.one.script["EHLO"] = c.says
				e.one.mu.Unlock()
			}
			j := requiredJob(queue.ByMX("a.example"))
			j.Content = mail.NewMessage([]byte(c.header + "Subject: x\r\n\r\nhello\r\n"))
			r := e.Carry(t.Context(), j)
			if got := told(r); !strings.HasPrefix(got, c.want) || strings.HasSuffix(got, "unreachable") {
				t.Errorf("got %s, want %s…", got, c.want)
			}
			if also := e.all(); also != c.also {
				t.Errorf("counted %q, want %q", also, c.also)
			}
			_, contents := e.one.count()
			said := slices.Contains(e.one.said("MAIL"), "MAIL FROM:<sender@here.example> REQUIRETLS")
			if taken := c.want == "carried"; contents > 0 != taken || said != taken {
				t.Errorf("the server got %d messages; said so: %v", contents, said)
			}
		})
	}
}

// A mail host that an admin named has to prove itself, too, and is not left alone afterwards by other mail.
func TestRequireTLSToHosts(t *testing.T) {
	ca := (*issuer)(nil).issue(t, time.Now().Add(time.Hour))
	good, stranger := ca.issue(t, time.Now().Add(time.Hour), "mail.a.example"), (*issuer)(nil).issue(t, time.Now().Add(time.Hour), "mail.a.example")
	for name, c := range map[string]struct {
		tls  *tls.Config
		host string
		want string
	}{
		"proven":   {good.server(), "may", "carried"},
		"stranger": {stranger.server(), "may", "deferred 0 4.7.0 STARTTLS"},
		"clear":    {good.server(), "never", "refused 0 5.7.10 EHLO the message came with REQUIRETLS (RFC 8689), and the connection to the server is in the clear"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "127.0.0.1", map[string]string{"STARTTLS": "220 go", "EHLO": "250-x\n250-STARTTLS\n250 REQUIRETLS"})
			s.tls = c.tls
			hosts := routes{toA: {{Name: "h", Address: net.JoinHostPort("mail.a.example", portText(s.addr.Port())), TLS: c.host}}}
			r := New(Config{Hostname: "gate.example", Router: hosts, Resolver: zone{addr: map[string][]string{"mail.a.example": {"127.0.0.1"}}}, Roots: ca.pool()})
			t.Cleanup(r.Close)
			if got := told(r.Carry(t.Context(), requiredJob(toA))); !strings.HasPrefix(got, c.want) || strings.HasSuffix(got, "unreachable") {
				t.Errorf("got %s, want %s…", got, c.want)
			}
			if sick := r.Health(); len(sick) > 0 {
				t.Errorf("for other mail the host is sick: %v", sick)
			}
			if got := told(r.Carry(t.Context(), job(toA, "ann@a.example"))); !strings.HasPrefix(got, "carried") {
				t.Errorf("other mail: %s", got)
			}
		})
	}
}
