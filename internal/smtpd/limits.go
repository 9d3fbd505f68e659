package smtpd

import (
	"net/netip"
	"sync"
)

// Limits bound what all connections of a node use together. One value is shared
// by all its Servers. A limit of zero is none.
type Limits struct {
	Connections int   // at the same time
	PerNetwork  int   // at the same time from one IPv4 /24 or IPv6 /64
	Bytes       int64 // of content between DATA and its reply, in memory and spooled

	mu       sync.Mutex
	open     int
	networks map[netip.Prefix]int
	bytes    int64
}

// Set puts other limits in force; what is over them stays. It is for who shares the value
// already: before that the fields can be set.
func (l *Limits) Set(connections, perNetwork int, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Connections, l.PerNetwork, l.Bytes = connections, perNetwork, bytes
}

// enter counts a connection; false means that there are enough.
func (l *Limits) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Connections > 0 && l.open >= l.Connections {
		return false
	}
	l.open++
	return true
}

func (l *Limits) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
}

// enterFrom counts a connection of a's network; false means that there are enough.
func (l *Limits) enterFrom(a netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := network(a)
	if l.PerNetwork > 0 && l.networks[n] >= l.PerNetwork {
		return false
	}
	if l.networks == nil {
		l.networks = make(map[netip.Prefix]int)
	}
	l.networks[n]++
	return true
}

func (l *Limits) leaveFrom(a netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := network(a)
	if l.networks[n]--; l.networks[n] == 0 {
		delete(l.networks, n)
	}
}

// network is what one party usually holds as a whole.
func network(a netip.Addr) netip.Prefix {
	bits := 64
	if a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits) // an address that is not valid gives the zero Prefix: one network more
	return p
}

// reserve takes n octets of content into account; false means that there is no room.
func (l *Limits) reserve(n int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Bytes > 0 && l.bytes+n > l.Bytes {
		return false
	}
	l.bytes += n
	return true
}

func (l *Limits) release(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes -= n
}

// room reports whether n octets of content could be taken now.
func (l *Limits) room(n int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Bytes <= 0 || l.bytes+n <= l.Bytes
}

// InFlight is how many octets of content are held now.
func (l *Limits) InFlight() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}
