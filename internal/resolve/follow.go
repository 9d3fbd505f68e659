package resolve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// maxAliases bounds a chain of CNAMEs, the answer's and those asked for after it.
// Longer ones are nobody's but an attacker's.
const maxAliases = 10

// maxRecords bounds an answer. The longest honest ones (the addresses of a large
// pool) have a few dozen.
const maxRecords = 500

// follow asks for q, and where a CNAME leads on and the server did not go there
// itself, for its target.
func (r *Resolver) follow(ctx context.Context, q question) (Answer, error) {
	name, ad, aliases := q.name, true, 0
	ttl := time.Duration(1<<63 - 1)
	for {
		m, server, err := r.ask(ctx, question{name: name, typ: q.typ})
		if err != nil {
			return Answer{Name: undot(q.name)}, temporary(q, server, err)
		}
		ad = ad && m.AuthenticatedData && r.conf.Validates
		c, err := chase(m, name, q.typ, &aliases)
		if err != nil {
			return Answer{Name: undot(q.name)}, temporary(q, server, err)
		}
		ttl = min(ttl, c.ttl)
		a := Answer{Name: undot(c.name), Records: c.records, TTL: ttl, AD: ad}
		switch {
		case len(c.records) > 0:
			return a, nil
		case m.Rcode == dns.RcodeNameError:
			a.TTL = min(ttl, negativeTTL(m))
			return a, notFound(q, ErrNoName)
		case c.name != name && !hasSOA(m): // an alias whose target is still to be asked
			name = c.name
		default:
			a.TTL = min(ttl, negativeTTL(m))
			return a, notFound(q, ErrNoData)
		}
	}
}

// A chain is where a message's CNAMEs lead from a name, and what is there.
type chain struct {
	name    string
	records []Record
	ttl     time.Duration // the least on the way
}

// chase follows the CNAMEs of one message. Records of names off the chain are not
// looked at: a server has no business telling them.
func chase(m *dns.Msg, name string, typ Type, aliases *int) (chain, error) {
	c := chain{name: name, ttl: time.Duration(1<<63 - 1)}
	if len(m.Answer) > maxRecords {
		return c, fmt.Errorf("answer of %d records", len(m.Answer))
	}
	for {
		var alias *dns.CNAME
		for _, rr := range m.Answer {
			if !strings.EqualFold(rr.Header().Name, c.name) || rr.Header().Class != dns.ClassINET {
				continue
			}
			if Type(rr.Header().Rrtype) == typ {
				if rec, ok := record(rr); ok {
					c.records = append(c.records, rec)
					c.ttl = min(c.ttl, rec.TTL)
				}
			} else if cname, ok := rr.(*dns.CNAME); ok {
				alias = cname
			}
		}
		if alias == nil || len(c.records) > 0 {
			return c, nil
		}
		if *aliases++; *aliases > maxAliases {
			return c, errors.New("CNAMEs go on for ever")
		}
		c.name = strings.ToLower(alias.Target)
		c.ttl = min(c.ttl, time.Duration(alias.Hdr.Ttl)*time.Second)
	}
}

// negativeTTL is how long the absence of something may be kept: the lesser of the
// SOA's own TTL and its MINIMUM field; without SOA not at all (RFC 2308 §5).
func negativeTTL(m *dns.Msg) time.Duration {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return time.Duration(min(soa.Hdr.Ttl, soa.Minttl)) * time.Second
		}
	}
	return 0
}

func hasSOA(m *dns.Msg) bool {
	for _, rr := range m.Ns {
		if _, ok := rr.(*dns.SOA); ok {
			return true
		}
	}
	return false
}
