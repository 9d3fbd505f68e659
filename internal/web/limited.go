package web

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync"

	"gatepost/internal/access"
	"gatepost/internal/mail"
)

// limited lets no more than so many connections be open at once, and fewer from one
// network. Who comes later waits in the system's queue; a network that has enough is cut
// off, so that nobody takes all of them by sending slowly.
type limited struct {
	net.Listener
	limits limits
	turn   chan struct{}
	done   chan struct{}
	once   sync.Once

	mu   sync.Mutex
	open map[netip.Prefix]int
}

type limits struct {
	all, network int
	spared       []netip.Prefix // proxies, behind which many are
}

// sendBuffer is how much the system keeps of what a reader has not taken yet, in octets:
// enough for a fast line, and so little that a slow one is seen to move.
const sendBuffer = 256 << 10

func newLimited(l net.Listener, n limits) *limited {
	return &limited{Listener: l, limits: n, turn: make(chan struct{}, n.all), done: make(chan struct{}), open: map[netip.Prefix]int{}}
}

// Accept waits for a connection, and for its turn.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.turn <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			<-l.turn
			return nil, err
		}
		network, site := l.from(conn)
		many := l.count(network, 1) > l.limits.network
		if l.count(site, 1) > perSite*l.limits.network || many {
			l.count(network, -1)
			l.count(site, -1)
			conn.Close()
			continue
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetWriteBuffer(sendBuffer) // a bound on memory; without it all works, too
		}
		return &countedConn{Conn: conn, free: sync.OnceFunc(func() { l.count(network, -1); l.count(site, -1); <-l.turn })}, nil
	}
}

// perSite is how many times a network's connections a /48 of IPv6 may have, which is
// sometimes one party's.
const perSite = 4

// from returns the /24 or /64 that a connection comes from, and the /48; none for those
// that are spared.
func (l *limited) from(conn net.Conn) (network, site netip.Prefix) {
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Prefix{}, netip.Prefix{}
	}
	addr := mail.Unmap(at.Addr())
	if addr.IsLoopback() || within(l.limits.spared, addr) {
		return netip.Prefix{}, netip.Prefix{}
	}
	return access.Network(addr), access.Site(addr)
}

// count adds to a network's connections and returns how many there are; those of none
// are not counted.
func (l *limited) count(network netip.Prefix, n int) int {
	if !network.IsValid() {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[network] += n
	left := l.open[network]
	if left == 0 {
		delete(l.open, network)
	}
	return left
}

// Close ends Accept.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// A countedConn gives its turn back when it is closed. net/http speaks HTTP/2 on a
// *tls.Conn only, so what is counted is the connection under that.
type countedConn struct {
	net.Conn
	free func()
}

// Close gives the turn back.
func (c *countedConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}

// secured puts TLS over a listener.
func secured(l net.Listener, c *tls.Config) net.Listener {
	if c == nil {
		return l
	}
	c = c.Clone()
	c.NextProtos = []string{"h2", "http/1.1"}
	return tls.NewListener(l, c)
}
