package resolve

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Config says whom to ask and within which bounds. The zero Config asks the
// system's servers with the defaults below, and tells nothing that is stale.
type Config struct {
	Servers     []string         // "192.0.2.53" or "192.0.2.53:5353", the preferred first; none: those of /etc/resolv.conf
	Timeout     time.Duration    // of one try at one server
	Rounds      int              // how often the list of servers is gone through
	InFlight    int              // questions under way at once; more wait their turn
	CacheSize   int              // answers kept
	CacheMemory int              // octets of memory that kept answers may take, as far as that can be told
	Stale       time.Duration    // how long after its time an answer may be told where no server answers (RFC 8767 §5 allows 1 to 3 days); 0: never
	Validates   bool             // the servers validate DNSSEC and the way to them is safe: believe their AD bit
	Now         func() time.Time // the clock that ages the cache
	Observer    Observer         // nil: nobody counts
	Report      func(Condition)  // told of each server that falls into trouble or is well again; it returns at once; nil: nobody is
}

// Defaults of Config.
const (
	DefaultTimeout     = 2 * time.Second
	DefaultRounds      = 2
	DefaultInFlight    = 1024
	DefaultCacheSize   = 50_000
	DefaultCacheMemory = 64 << 20
)

// maxServers bounds Servers: more would only prolong the wait (resolv.conf
// knows no more either).
const maxServers = 3

// An Observer counts what a Resolver does. Its methods return at once.
type Observer interface {
	// Question counts what somebody was told: "cached", "found", "no-name", "no-data",
	// "stale" or "failed", the last with what its budget forbade.
	Question(told string)
	// Exchange counts a try at a server, one of Config's, and the time that it took. It
	// has "answered", it "failed" to know (SERVFAIL, REFUSED, lame), it was "silent", or
	// the try was "given-up", since another server was faster.
	Exchange(server, fate string, seconds float64)
}

// nobody is the Observer of those who have none.
type nobody struct{}

func (nobody) Question(string)                  {}
func (nobody) Exchange(string, string, float64) {}

func (c Config) withDefaults() (Config, error) {
	c.Timeout = orDefault(c.Timeout, DefaultTimeout)
	c.Rounds = orDefault(c.Rounds, DefaultRounds)
	c.InFlight = orDefault(c.InFlight, DefaultInFlight)
	c.CacheSize = orDefault(c.CacheSize, DefaultCacheSize)
	c.CacheMemory = orDefault(c.CacheMemory, DefaultCacheMemory)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Observer == nil {
		c.Observer = nobody{}
	}
	if c.Report == nil {
		c.Report = func(Condition) {}
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
