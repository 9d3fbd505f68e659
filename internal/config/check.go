package config

import (
	"fmt"
	"gatepost/pipeline"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// check looks at what the values mean, one by one and together.
func (l *loader) check() {
	c := l.cfg
	l.hostname()
	if c.Data == "" {
		l.wrong("data", "names no directory")
	}
	l.listeners()
	l.tls()
	for _, s := range c.Resolver.Servers {
		if !isServer(s) {
			l.wrong("resolver.servers", "%q is not an address such as 192.0.2.53 or 127.0.0.1:5353", s)
		}
	}
	if n := len(c.Resolver.Servers); n > maxServers {
		l.wrong("resolver.servers", "%d servers; more than %d only prolong the wait", n, maxServers)
	}
	l.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	l.oneOf("log.format", c.Log.Format, "text", "json")
	l.ranges()
	l.networks()
	l.outgoing()
	l.content()
	l.policyNames()
	l.people()
	l.complaints()
	l.dmarc()
	l.dnsblZone()
}

// networks refuses what would have strangers say for themselves who they are, and relay by it: by a
// PROXY header, or a Received field.
func (l *loader) networks() {
	for path, list := range map[string][]netip.Prefix{"proxy.trusted": l.cfg.Proxy.Trusted, "trusted_relays": l.cfg.TrustedRelays} {
		for _, p := range list {
			if mail.IsEverybodys(p) {
				l.wrong(path, "%s is everybody's: it would make an open relay; name the addresses that are yours", p)
			}
		}
	}
}

// maxServers is how many name servers can be asked in turn.
const maxServers = 3

// wrong tells that the setting at path can't be so. One that could not even be
// read has been told already.
func (l *loader) wrong(path, format string, args ...any) {
	if l.bad[path] {
		return
	}
	l.problems.add(l.from[path], "%s: %s", path, fmt.Sprintf(format, args...))
}

func (l *loader) oneOf(path, value string, words ...string) {
	if !slices.Contains(words, value) {
		l.wrong(path, "%q is none of %s%s", value, strings.Join(words, ", "), pipeline.Suggest(value, words))
	}
}

// hostname puts in the system's name where none is set.
func (l *loader) hostname() {
	c := l.cfg
	system := c.Hostname == ""
	if system {
		c.Hostname, _ = os.Hostname() // none is as odd as one that is no name
	}
	name, err := mail.ParseDomain(c.Hostname)
	switch {
	case err == nil:
		c.Hostname = name
	case system:
		c.Hostname = "localhost"
	default:
		l.wrong("hostname", "%q is not a host name", c.Hostname)
	}
}

func isServer(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	a, err := netip.ParseAddrPort(s)
	return err == nil && a.Port() > 0
}

// ranges holds numbers to what makes sense.
func (l *loader) ranges() {
	m := &l.cfg.Limits
	l.resolver()
	between(l, "limits.recipients", m.Recipients, 1, 100_000)
	between(l, "limits.connections", m.Connections, 1, 1_000_000)
	between(l, "limits.connections_per_network", m.ConnectionsPerNetwork, 1, 1_000_000)
	between(l, "limits.errors", m.Errors, 1, 1000)
	between(l, "limits.max_received", m.MaxReceived, 10, 1000)
	between(l, "limits.message_size", m.MessageSize, 64<<10, 1<<30)
	between(l, "limits.line_size", m.LineSize, 1000, 64<<20)
	between(l, "limits.in_flight", m.InFlight, 64<<10, 1<<40)
	between(l, "limits.spool_over", m.SpoolOver, 0, 1<<30)
	between(l, "limits.min_free", m.MinFree, 0, 1<<50)
	between(l, "limits.command_timeout", m.CommandTimeout, time.Second, time.Hour)
	between(l, "limits.data_timeout", m.DataTimeout, time.Second, time.Hour)
	between(l, "limits.content_timeout", m.ContentTimeout, time.Second, 24*time.Hour)
	between(l, "limits.answer_timeout", m.AnswerTimeout, time.Second, 10*time.Minute)
	between(l, "limits.drain_timeout", m.DrainTimeout, 0, 10*time.Minute)
	between(l, "limits.imap_timeout", m.IMAPTimeout, time.Minute, 24*time.Hour)
	between(l, "limits.pop3_timeout", m.POP3Timeout, time.Minute, 24*time.Hour)
	between(l, "quarantine.keep", l.cfg.Quarantine.Keep, 24*time.Hour, 3650*24*time.Hour)
	between(l, "signing.keep", l.cfg.Signing.Keep, 7*24*time.Hour, 365*24*time.Hour)
	if l.cfg.Signing.Rotate != 0 {
		between(l, "signing.rotate", l.cfg.Signing.Rotate, 30*24*time.Hour, 10*365*24*time.Hour)
	}
	between(l, "sent.keep", l.cfg.Sent.Keep, 24*time.Hour, 365*24*time.Hour)
	between(l, "journal.keep", l.cfg.Journal.Keep, 24*time.Hour, 3650*24*time.Hour)
	q := &l.cfg.Queue
	between(l, "queue.retry", q.Retry, time.Second, 24*time.Hour)
	between(l, "queue.retry_max", q.RetryMax, time.Second, 24*time.Hour)
	between(l, "queue.lifetime", q.Lifetime, time.Minute, 365*24*time.Hour)
	between(l, "queue.delay_notice", q.DelayNotice, 0, 365*24*time.Hour)
	between(l, "queue.parallel", q.Parallel, 1, 1000)
	between(l, "queue.connections", q.Connections, 1, 10_000)
	between(l, "relay.port", l.cfg.Relay.Port, 1, 65535)
	if m.InFlight < m.MessageSize && !l.bad["limits.in_flight"] {
		l.wrong(l.chosen("limits.in_flight", "limits.message_size"),
			"limits.in_flight (%v) has no room for one message of limits.message_size (%v)", m.InFlight, m.MessageSize)
	}
}

// resolver: RFC 8767 §5 lets stale answers serve for up to three days, and what one message
// may have asked must be enough for a long SPF record.
func (l *loader) resolver() {
	r := &l.cfg.Resolver
	between(l, "resolver.timeout", r.Timeout, 100*time.Millisecond, time.Minute)
	between(l, "resolver.cache", r.Cache, 100, 10_000_000)
	between(l, "resolver.cache_memory", r.Memory, 8<<20, 1<<40)
	between(l, "resolver.stale", r.Stale, 0, 72*time.Hour)
	between(l, "resolver.message_questions", r.Questions, 50, 100_000)
	between(l, "resolver.message_time", r.Wait, time.Second, 10*time.Minute)
}

// chosen returns the one of two settings that the admin wrote: what does not go
// with a default is not the default's fault.
func (l *loader) chosen(path, other string) string {
	if l.from[path].file == BuiltIn {
		return other
	}
	return path
}

func between[T int | float64 | Size | time.Duration](l *loader, path string, v, least, most T) {
	if v < least || v > most {
		l.wrong(path, "%v is not between %v and %v", v, least, most)
		l.bad[path] = true
	}
}

// policyNames checks that the policies can be told apart and the default is one.
func (l *loader) policyNames() {
	var names []string
	for _, p := range l.cfg.Policies {
		names = append(names, p.Name)
	}
	if slices.Contains(names, l.cfg.DefaultPolicy) || l.bad["policies"] {
		return
	}
	at := l.from["default_policy"]
	if at.file == BuiltIn { // the admin's list left it out
		at = place{file: l.cfg.policiesFile}
	}
	l.problems.add(at, "default_policy: no policy is named %q%s", l.cfg.DefaultPolicy, pipeline.Suggest(l.cfg.DefaultPolicy, names))
}
