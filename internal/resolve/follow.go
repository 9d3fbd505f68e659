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

// forever is the time to live of nothing.
const forever = time.Duration(1<<63 - 1)

// follow asks for q, and where a CNAME leads on and the server did not go there
// itself, for its target.
func (r *Resolver) follow(ctx context.Context, q question) (Answer, error) {
	name, ad, aliases := q.wire(), true, 0
	ttl := forever
	for {
		m, server, err := r.ask(ctx, question{name: undot(name), typ: q.typ})
		if err != nil {
			return Answer{Name: q.name}, temporary(q, server, err)
		}
		ad = ad && m.AuthenticatedData && r.conf.Validates
		c, err := chase(m, name, q.typ, &aliases)
		if err != nil {
			return Answer{Name: q.name}, temporary(q, server, err)
		}
		ttl = min(ttl, c.ttl)
		soa := soaAbove(m, c.name)
		a := Answer{Name: undot(c.name), Records: c.records, TTL: ttl, AD: ad}
		switch {
		case len(c.records) > 0 && m.Rcode == dns.RcodeNameError:
			return Answer{Name: q.name}, temporary(q, server, errors.New("records of a name that does not exist"))
		case len(c.records) > 0:
			return a, nil
		case m.Rcode == dns.RcodeNameError:
			a.TTL = min(ttl, negativeTTL(soa))
			return a, notFound(q, ErrNoName)
		case c.name != name && soa == nil: // an alias whose target is still to be asked
			name = c.name
		default:
			a.TTL = min(ttl, negativeTTL(soa))
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
	c := chain{name: name, ttl: forever}
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
			} else if cname, ok := rr.(*dns.CNAME); ok && cname.Target != "" {
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
		c.ttl = min(c.ttl, seconds(alias.Hdr.Ttl))
	}
}

// seconds is a time to live; one with the highest bit set is none (RFC 2181 §8).
func seconds(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}

// negativeTTL is how long the absence of something may be kept: the lesser of the
// SOA's own TTL and its MINIMUM field; without SOA not at all (RFC 2308 §5).
func negativeTTL(soa *dns.SOA) time.Duration {
	if soa == nil {
		return 0
	}
	return min(seconds(soa.Hdr.Ttl), seconds(soa.Minttl))
}

// soaAbove returns the SOA of a zone that the name is in; another's says nothing of it.
func soaAbove(m *dns.Msg, name string) *dns.SOA {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok && soa.Hdr.Class == dns.ClassINET && dns.IsSubDomain(soa.Hdr.Name, name) {
			return soa
		}
	}
	return nil
}
