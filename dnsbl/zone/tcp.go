package zone

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"gatepost/internal/mail"
)

// Bounds of TCP (RFC 7766 §6).
const (
	maxConnections = 256 // in all
	maxFromNetwork = 16  // of one network
	idleTime       = 10 * time.Second
	writeTime      = 5 * time.Second
	maxTurns       = 1000 // questions on one connection
)

// seats bounds the connections at the same time.
type seats struct {
	mu   sync.Mutex
	all  int
	from map[[8]byte]int
}

func newSeats() seats { return seats{from: map[[8]byte]int{}} }

// take takes a seat for a client; ok is false where all are taken.
func (s *seats) take(client netip.Addr) (leave func(), ok bool) {
	n := network(client)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxConnections || s.from[n] >= maxFromNetwork {
		return nil, false
	}
	s.all++
	s.from[n]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.from[n]--; s.from[n] == 0 {
			delete(s.from, n)
		}
	}, true
}

// serveTCP takes connections until the listener is closed, and waits for those that it has.
func (s *Server) serveTCP(ctx context.Context, l *net.TCPListener) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			if !s.goesOn(ctx, err) {
				return
			}
			continue
		}
		from := mail.Unmap(c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr())
		leave, ok := s.seats.take(from)
		if !ok {
			c.Close()
			s.counts[limited].Add(1)
			continue
		}
		wg.Go(func() {
			defer leave()
			defer context.AfterFunc(ctx, func() { c.Close() })()
			defer c.Close()
			s.converse(c, from)
		})
	}
}

// converse answers the questions of one connection in turn, until the client has none for a
// while. An error ends it: there is nobody to be told.
func (s *Server) converse(c net.Conn, from netip.Addr) {
	var r reply
	in := bufio.NewReaderSize(c, maxQuery)
	packet, out := make([]byte, maxQuery), make([]byte, 2, maxQuery)
	for range maxTurns {
		c.SetReadDeadline(time.Now().Add(idleTime))
		var length [2]byte
		if _, err := io.ReadFull(in, length[:]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(length[:]))
		if n > len(packet) {
			return
		}
		if _, err := io.ReadFull(in, packet[:n]); err != nil {
			return
		}
		r.zone = s.zone.Load()
		a := r.answer(out, packet[:n], from, true)
		s.counts[r.fate].Add(1)
		if len(a) == len(out) { // no question: who says such things does not speak DNS
			return
		}
		binary.BigEndian.PutUint16(a, uint16(len(a)-2))
		c.SetWriteDeadline(time.Now().Add(writeTime))
		if _, err := c.Write(a); err != nil {
			return
		}
	}
}
