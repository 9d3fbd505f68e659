package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// udpSize is the largest answer asked for over UDP: what passes everywhere
// without being fragmented (DNS flag day 2020; RFC 9715 §3.2).
const udpSize = 1232

// readSize is the largest datagram read: some servers send more than they are asked for.
const readSize = 4096

// maxStrays is how many datagrams that do not belong to the question are read
// past before the try is given up: somebody is guessing.
const maxStrays = 32

// What became of a try; see Observer.
const (
	answered = "answered"
	failed   = "failed"
	silent   = "silent"
	givenUp  = "given-up"
)

// once asks one server once, over UDP and, where the answer was cut, TCP. A server that
// chokes on EDNS is asked without (RFC 6891 §7).
func (r *Resolver) once(ctx context.Context, q question, server string) (*dns.Msg, error) {
	query := r.query(q)
	m, err := r.exchange(ctx, "udp", server, query)
	if err == nil && chokes(m) {
		query.Extra = nil
		m, err = r.exchange(ctx, "udp", server, query)
	}
	if err == nil && m.Truncated {
		m, err = r.exchange(ctx, "tcp", server, query)
	}
	switch {
	case err != nil:
		return nil, err
	case m.Truncated:
		return nil, errors.New("answer cut short")
	}
	return m, nil
}

// chokes reports whether a server does not know EDNS: it says that it can't, and says it
// without.
func chokes(m *dns.Msg) bool {
	return (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented) && m.IsEdns0() == nil
}

// query makes a question with an id that can't be guessed; together with the
// source port, which the system chooses for each socket, it takes 2^32 guesses to
// forge an answer (RFC 5452).
func (r *Resolver) query(q question) *dns.Msg {
	m := new(dns.Msg).SetQuestion(q.wire(), uint16(q.typ)) // with an id by chance
	m.SetEdns0(udpSize, r.conf.Validates)
	m.AuthenticatedData = r.conf.Validates // "tell me" (RFC 6840 §5.7)
	return m
}

// exchange sends a query from a socket of its own and returns the answer to it.
func exchange(ctx context.Context, network, server string, query *dns.Msg) (*dns.Msg, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	c := &dns.Conn{Conn: conn, UDPSize: readSize}
	if err := c.WriteMsg(query); err != nil {
		return nil, err
	}
	for strays := 0; strays < maxStrays; strays++ {
		m, err := c.ReadMsg()
		switch {
		case m != nil && answers(m, query) && (err == nil || m.Truncated && network == "udp"): // what is cut may end inside a record
			return m, nil
		case m == nil && isSocket(err):
			return nil, errors.Join(context.Cause(ctx), err)
		case network == "tcp":
			return nil, errors.New("answer that can't be read")
		}
	}
	return nil, errors.New("too many answers to other questions")
}

// isSocket tells a socket's error from one in the message, which may be
// somebody's forgery and is no reason to stop listening.
func isSocket(err error) bool {
	var n net.Error
	return errors.As(err, &n) || !errors.As(err, new(*dns.Error))
}

// answers reports whether m is the answer to query: its id, and the question,
// whose letters may come back in another case.
func answers(m, query *dns.Msg) bool {
	if !m.Response || m.Id != query.Id || len(m.Question) != 1 {
		return false
	}
	got, want := m.Question[0], query.Question[0]
	return got.Qtype == want.Qtype && got.Qclass == want.Qclass && strings.EqualFold(got.Name, want.Name)
}

// usable reports whether m tells something about the name. A referral is lame
// here: who is asked to recurse and sends us elsewhere does not know. So is nothing at
// all from one that does not recurse.
func usable(m *dns.Msg) error {
	switch m.Rcode {
	case dns.RcodeNameError:
		return nil
	case dns.RcodeSuccess:
		switch {
		case len(m.Answer) > 0 || has(m, dns.TypeSOA):
			return nil
		case has(m, dns.TypeNS):
			return errors.New("lame answer: a referral")
		case !m.RecursionAvailable:
			return errors.New("lame answer: nothing, by a server that does not ask others")
		}
		return nil
	}
	if s, ok := dns.RcodeToString[m.Rcode]; ok {
		return errors.New(s)
	}
	return fmt.Errorf("answer code %d", m.Rcode)
}

// has reports whether a record of a type is in the authority section.
func has(m *dns.Msg, typ uint16) bool {
	for _, rr := range m.Ns {
		if rr.Header().Rrtype == typ {
			return true
		}
	}
	return false
}
