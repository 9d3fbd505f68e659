package resolvetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// A zone is what a server knows. It is immutable once parsed.
type zone struct {
	records map[string][]dns.RR // by name, lower case with final dot
	names   map[string]bool     // those, and every name above one (RFC 8020 §2)
	faults  map[string]fault
	secure  map[string]bool // by name as in faults: vouched for by DNSSEC
}

// A fault is how a name misbehaves.
type fault struct {
	kind  string
	delay time.Duration
}

// parse reads a zone's text.
func parse(text string) (*zone, error) {
	z := &zone{records: map[string][]dns.RR{}, names: map[string]bool{}, faults: map[string]fault{}, secure: map[string]bool{}}
	var master strings.Builder
	master.WriteString("$TTL 300\n") // without it the last TTL given would hold for what follows
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "!"); ok {
			if err := z.fault(rest); err != nil {
				return nil, err
			}
			continue
		}
		master.WriteString(line)
	}
	p := dns.NewZoneParser(strings.NewReader(master.String()), ".", "zone")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		z.add(rr)
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("resolvetest: %w", err)
	}
	return z, nil
}

func (z *zone) add(rr dns.RR) {
	name := canonical(rr.Header().Name)
	z.records[name] = append(z.records[name], rr)
	for ; name != "."; name = parent(name) {
		z.names[name] = true
	}
}

// canonical returns the one spelling of a name, however its octets are escaped.
func canonical(name string) string {
	var wire [255]byte
	n, err := dns.PackDomainName(dns.Fqdn(name), wire[:], 0, nil, false)
	if err != nil {
		return dns.CanonicalName(name)
	}
	s, _, err := dns.UnpackDomainName(wire[:n], 0)
	if err != nil {
		return dns.CanonicalName(name)
	}
	return dns.CanonicalName(s)
}

func parent(name string) string {
	next, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[next:]
}

func (z *zone) fault(line string) error {
	words := strings.Fields(line)
	if len(words) < 2 {
		return fmt.Errorf("resolvetest: fault %q names nothing", line)
	}
	f := fault{kind: words[0]}
	switch f.kind {
	case "secure":
		z.secure[canonical(words[1])] = true
		return nil
	case "servfail", "refuse", "timeout", "truncate", "lame":
	case "delay":
		d, err := time.ParseDuration(words[len(words)-1])
		if err != nil || len(words) != 3 {
			return fmt.Errorf("resolvetest: fault %q: no delay", line)
		}
		f.delay = d
	default:
		return fmt.Errorf("resolvetest: unknown fault %q", f.kind)
	}
	z.faults[canonical(words[1])] = f
	return nil
}

// faultOf finds how a name misbehaves: by its own line, or by one for "*." and a name
// above it.
func (z *zone) faultOf(name string) fault { return nearest(z.faults, name) }

// nearest finds what a line says of a name.
func nearest[T any](lines map[string]T, name string) (found T) {
	name = canonical(name)
	if f, ok := lines[name]; ok {
		return f
	}
	for name != "." {
		name = parent(name)
		if f, ok := lines["*."+strings.TrimPrefix(name, ".")]; ok {
			return f
		}
	}
	return found
}

// vouched reports whether all names of an answer are secure.
func (z *zone) vouched(m *dns.Msg) bool {
	secure := nearest(z.secure, m.Question[0].Name)
	for _, rr := range m.Answer {
		if c, ok := rr.(*dns.CNAME); ok && m.Question[0].Qtype != dns.TypeCNAME {
			secure = secure && nearest(z.secure, c.Target)
		}
	}
	return secure
}

// answer fills m with what the zone has for its question.
func (z *zone) answer(m *dns.Msg) {
	q := m.Question[0]
	name := q.Name
	for range 20 { // of a loop of CNAMEs as many links as anybody wants to see
		found, exists := z.at(name)
		if !exists {
			m.Rcode = dns.RcodeNameError
			break
		}
		alias := ""
		for _, rr := range found {
			if t := rr.Header().Rrtype; t == q.Qtype || t == dns.TypeCNAME || q.Qtype == dns.TypeANY {
				rr = dns.Copy(rr)
				rr.Header().Name = name
				m.Answer = append(m.Answer, rr)
				if c, ok := rr.(*dns.CNAME); ok && q.Qtype != dns.TypeCNAME {
					alias = c.Target
				}
			}
		}
		if alias == "" {
			if len(m.Answer) > 0 && m.Answer[len(m.Answer)-1].Header().Rrtype == q.Qtype {
				return
			}
			break
		}
		name = alias
	}
	m.Ns = append(m.Ns, z.soa(name))
}

// at returns the records of a name, from a wildcard where it has none of its own.
func (z *zone) at(name string) (found []dns.RR, exists bool) {
	name = canonical(name)
	if z.names[name] || name == "." {
		return z.records[name], true
	}
	// The wildcard of the closest encloser is the one that counts (RFC 4592 §3.3.1).
	for name != "." {
		name = parent(name)
		wild := "*." + strings.TrimPrefix(name, ".")
		if found := z.records[wild]; len(found) > 0 {
			return found, true
		}
		if z.names[name] {
			break
		}
	}
	return nil, false
}

// soa returns the SOA that stands above a name, or one of the root's.
func (z *zone) soa(name string) dns.RR {
	for name = canonical(name); name != "."; name = parent(name) {
		for _, rr := range z.records[name] {
			if rr.Header().Rrtype == dns.TypeSOA {
				return rr
			}
		}
	}
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 60},
		Ns:  "ns.invalid.", Mbox: "hostmaster.invalid.", Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: 60,
	}
}
