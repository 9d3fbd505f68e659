package resolve

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Config says whom to ask and within which bounds. The zero Config asks the
// system's servers with the defaults below.
type Config struct {
	Servers   []string         // "192.0.2.53" or "192.0.2.53:5353", in the order asked; none: those of /etc/resolv.conf
	Timeout   time.Duration    // of one try at one server
	Rounds    int              // how often the list of servers is gone through
	InFlight  int              // questions under way at once; more wait their turn
	CacheSize int              // answers kept
	Validates bool             // the servers validate DNSSEC and the way to them is safe: believe their AD bit
	Now       func() time.Time // the clock that ages the cache
}

// Defaults of Config.
const (
	DefaultTimeout   = 2 * time.Second
	DefaultRounds    = 2
	DefaultInFlight  = 512
	DefaultCacheSize = 50_000
)

// maxServers bounds Servers: more would only prolong the wait (resolv.conf
// knows no more either).
const maxServers = 3

func (c Config) withDefaults() (Config, error) {
	c.Timeout = orDefault(c.Timeout, DefaultTimeout)
	c.Rounds = orDefault(c.Rounds, DefaultRounds)
	c.InFlight = orDefault(c.InFlight, DefaultInFlight)
	c.CacheSize = orDefault(c.CacheSize, DefaultCacheSize)
	if c.Now == nil {
		c.Now = time.Now
	}
	if len(c.Servers) == 0 {
		c.Servers = systemServers("/etc/resolv.conf")
	}
	servers := make([]string, 0, maxServers)
	for _, s := range c.Servers[:min(len(c.Servers), maxServers)] {
		addr, err := withPort(s)
		if err != nil {
			return c, err
		}
		servers = append(servers, addr)
	}
	c.Servers = servers
	return c, nil
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// systemServers reads resolv.conf(5); without one the resolver is on this
// machine, as the C library has it too.
func systemServers(path string) []string {
	conf, err := dns.ClientConfigFromFile(path)
	if err != nil || len(conf.Servers) == 0 {
		return []string{"127.0.0.1"}
	}
	return conf.Servers
}

// withPort returns the server's "address:port"; names are refused, since nobody
// could look them up.
func withPort(s string) (string, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return net.JoinHostPort(a.String(), "53"), nil
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.String(), nil
	}
	return "", fmt.Errorf("resolve: server %q is not an address or address:port", s)
}
