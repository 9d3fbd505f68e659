package config

import (
	"net/netip"
	"strings"
)

// outgoing checks what says where rows are kept and how mail leaves.
func (l *loader) outgoing() {
	c := l.cfg
	if dsn := c.Store.DSN; dsn != "" && !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		l.wrong("store.dsn", "is neither empty (SQLite in the data directory) nor of the form postgres://user@host/database") // it may hold a password
	}
	if c.Queue.RetryMax < c.Queue.Retry {
		l.wrong(l.chosen("queue.retry_max", "queue.retry"), "queue.retry_max (%v) is shorter than queue.retry (%v)", c.Queue.RetryMax, c.Queue.Retry)
	}
	families := map[bool]netip.Addr{}
	for _, a := range c.Relay.Source {
		if other, twice := families[a.Is4()]; twice {
			l.wrong("relay.source", "%v and %v are of one family; name one IPv4 and one IPv6 address at most", other, a)
		}
		families[a.Is4()] = a
	}
}
