package resolvetest

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// A Server answers from a zone until it is closed.
type Server struct {
	Addr string // "127.0.0.1:53535", the same port for UDP and TCP

	zone     atomic.Pointer[zone]
	udp, tcp *dns.Server
	done     chan struct{} // closed by Close: who delays an answer gives up
	serving  sync.WaitGroup

	mu    sync.Mutex
	asked map[string]int
}

// Serve serves a zone on a loopback port that the system chooses.
func Serve(zoneText string) (*Server, error) { return Listen("127.0.0.1:0", zoneText) }

// Listen serves a zone at an address.
func Listen(addr, zoneText string) (*Server, error) {
	s := &Server{done: make(chan struct{}), asked: map[string]int{}}
	if err := s.Set(zoneText); err != nil {
		return nil, err
	}
	packets, stream, err := sockets(addr)
	if err != nil {
		return nil, fmt.Errorf("resolvetest: listen %s: %w", addr, err)
	}
	s.Addr = stream.Addr().String()
	s.udp = &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(s.handleUDP)}
	s.tcp = &dns.Server{Listener: stream, Handler: dns.HandlerFunc(s.handleTCP)}
	return s, s.start()
}

// sockets opens one port for both protocols. Where the system chooses it, the
// choice for one may be taken for the other: then it chooses again.
func sockets(addr string) (net.PacketConn, net.Listener, error) {
	var err error
	for range 10 {
		var stream net.Listener
		if stream, err = net.Listen("tcp", addr); err != nil {
			return nil, nil, err
		}
		var packets net.PacketConn
		if packets, err = net.ListenPacket("udp", stream.Addr().String()); err == nil {
			return packets, stream, nil
		}
		stream.Close()
	}
	return nil, nil, err
}

// start returns once both servers take questions.
func (s *Server) start() error {
	ended := make(chan error, 2)
	for _, srv := range []*dns.Server{s.udp, s.tcp} {
		ready := make(chan struct{})
		srv.NotifyStartedFunc = func() { close(ready) }
		s.serving.Go(func() { ended <- srv.ActivateAndServe() })
		select {
		case <-ready:
		case err := <-ended:
			return fmt.Errorf("resolvetest: serve %s: %w", s.Addr, err)
		}
	}
	return nil
}

// Close stops serving and waits until that is done.
func (s *Server) Close() error {
	close(s.done)
	err := errors.Join(s.udp.Shutdown(), s.tcp.Shutdown())
	s.serving.Wait()
	return err
}

// Set replaces the zone.
func (s *Server) Set(zoneText string) error {
	z, err := parse(zoneText)
	if err != nil {
		return err
	}
	s.zone.Store(z)
	return nil
}

// Asked returns how often a question came, by either protocol; typ is its
// mnemonic, "TXT".
func (s *Server) Asked(name, typ string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[typ+" "+canonical(name)]
}

func (s *Server) handleUDP(w dns.ResponseWriter, q *dns.Msg) { s.handle(w, q, true) }
func (s *Server) handleTCP(w dns.ResponseWriter, q *dns.Msg) { s.handle(w, q, false) }

func (s *Server) handle(w dns.ResponseWriter, q *dns.Msg, udp bool) {
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true
	if len(q.Question) != 1 {
		m.Rcode = dns.RcodeFormatError
		_ = w.WriteMsg(m) // the client is gone
		return
	}
	s.count(q.Question[0])
	z := s.zone.Load()
	if s.spoil(m, z.faultOf(q.Question[0].Name), udp) {
		return
	}
	if m.Rcode == dns.RcodeSuccess && !m.Truncated && len(m.Ns) == 0 {
		z.answer(m)
		m.AuthenticatedData = q.AuthenticatedData && z.vouched(m) // RFC 6840 §5.7
	}
	if udp {
		size := dns.MinMsgSize
		if opt := q.IsEdns0(); opt != nil {
			size = max(size, int(opt.UDPSize()))
		}
		m.Truncate(size)
	}
	_ = w.WriteMsg(m)
}

// spoil applies a fault to the answer; silent: there is to be none.
func (s *Server) spoil(m *dns.Msg, f fault, udp bool) (silent bool) {
	switch f.kind {
	case "servfail":
		m.Rcode = dns.RcodeServerFailure
	case "refuse":
		m.Rcode = dns.RcodeRefused
	case "timeout":
		return true
	case "truncate":
		m.Truncated = udp
	case "lame":
		m.Ns = []dns.RR{&dns.NS{
			Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 60},
			Ns:  "elsewhere.invalid.",
		}}
	case "delay":
		select {
		case <-time.After(f.delay):
		case <-s.done:
			return true
		}
	}
	return false
}

func (s *Server) count(q dns.Question) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[strings.ToUpper(dns.TypeToString[q.Qtype])+" "+canonical(q.Name)]++
}
