package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"gatepost/pipeline"
)

// maxCount bounds what one log-in may send in a day, and to how many.
const maxCount = 10_000_000

// submission checks what holds for those who have logged in.
func (l *loader) submission() {
	s := &l.cfg.Submission
	l.oneOf("submission.spam", s.Spam, "reject", "hold")
	between(l, "submission.per_minute", s.PerMinute, 0, maxCount)
	between(l, "submission.per_hour", s.PerHour, 0, maxCount)
	between(l, "submission.per_day", s.PerDay, 0, maxCount)
	between(l, "submission.recipients", s.Recipients, 0, 100_000) // each is remembered for a day
	between(l, "submission.lock_at", s.LockAt, 0, 100)
	between(l, "submission.hold", s.Hold, 0, 365*24*time.Hour)
	known := slices.ContainsFunc(l.cfg.Policies, func(p pipeline.Spec) bool { return p.Name == s.Policy })
	switch {
	case known || s.Policy == "" || l.bad["policies"]:
	case l.from["submission.policy"].file == BuiltIn: // the admin's list of policies left it out
		s.Policy = ""
	default:
		l.wrong("submission.policy", "no policy is named %q", s.Policy)
	}
}

// outgoing checks what says where rows are kept and how mail leaves.
func (l *loader) outgoing() {
	c := l.cfg
	if dsn := c.Store.DSN; dsn != "" && !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		l.wrong("store.dsn", "is neither empty (SQLite in the data directory) nor of the form postgres://user@host/database") // it may hold a password
	}
	if c.Queue.RetryMax < c.Queue.Retry {
		l.wrong(l.chosen("queue.retry_max", "queue.retry"), "queue.retry_max (%v) is shorter than queue.retry (%v)", c.Queue.RetryMax, c.Queue.Retry)
	}
	l.submission()
	l.reached("relay.host_networks", c.Relay.HostNetworks)
	l.ports("relay.host_ports", c.Relay.HostPorts)
	families := map[bool]netip.Addr{}
	for _, a := range c.Relay.Source {
		if other, twice := families[a.Is4()]; twice {
			l.wrong("relay.source", "%v and %v are of one family; name one IPv4 and one IPv6 address at most", other, a)
		}
		families[a.Is4()] = a
	}
}
