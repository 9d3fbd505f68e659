package zone

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"gatepost/internal/mail"
)

// A Source knows who is listed for one reason. It is asked for each question and must answer
// from memory; many goroutines ask it at once.
type Source interface {
	// Addr reports whether an address is listed. IPv4 in IPv6 comes as IPv4.
	Addr(netip.Addr) bool
	// Domain reports whether a domain is listed; it is in lower case, without a dot at its end.
	Domain(name string) bool
	// Below reports whether any domain below this one may be listed. It may say so wrongly,
	// but not fail to say it: what is said not to exist, resolvers ask nothing below
	// (RFC 8020).
	Below(name string) bool
}

// Addrs is a Source of addresses alone.
type Addrs func(netip.Addr) bool

// Addr implements Source.
func (a Addrs) Addr(addr netip.Addr) bool { return a(addr) }

// Domain implements Source: no domain is listed.
func (a Addrs) Domain(string) bool { return false }

// Below implements Source: no domain is listed.
func (a Addrs) Below(string) bool { return false }

// A Feed is one reason to be listed.
type Feed struct {
	Code   byte   // the last octet of the return code, 127.0.0.Code: 2 to 254
	Text   string // what the TXT record says: "blocked by the operator"
	Source Source
}

// A Zone is what is published, and how.
type Zone struct {
	Origin   string         // the zone's name, "bl.example.org"
	Servers  []string       // host names of its name servers, outside of the zone
	Contact  string         // address of who keeps the zone, "hostmaster@example.org"
	TTL      time.Duration  // of what is listed
	Negative time.Duration  // of what is not
	Allow    []netip.Prefix // the networks that may ask
	// URL stands in TXT records, with %s for who is listed: "https://example.org/why?q=%s";
	// "": none does.
	URL string
	// PerSecond is how many answers over UDP a network (/24, of IPv6 /56) gets in a second; of
	// those beyond every second one is an empty one that sends it to TCP, where addresses
	// can't be forged. 0: any number.
	PerSecond int
	Feeds     []Feed
	// Serial is asked for the zone's serial number, which follows what is listed; nil: 1.
	Serial func() uint32
}

// maxURL leaves room for a domain in a character-string (RFC 1035 §3.3).
const maxURL = 200

// Check says what is wrong with a zone.
func (z Zone) Check() error {
	_, err := z.pack()
	return err
}

// A packed is a Zone in the form in which questions are answered.
type packed struct {
	Zone
	origin        []byte // wire form, lower-case
	soaNames      []byte // MNAME and RNAME
	servers       [][]byte
	ttl, negative uint32
	refresh       [16]byte // REFRESH to MINIMUM
}

func (z Zone) pack() (*packed, error) {
	p := &packed{Zone: z}
	var err error
	if p.origin, err = wire(z.Origin); err != nil {
		return nil, fmt.Errorf("zone: origin: %w", err)
	}
	if len(z.Servers) == 0 || len(z.Servers) > maxServers {
		return nil, fmt.Errorf("zone: %d name servers; a zone has 1 to %d", len(z.Servers), maxServers)
	}
	for _, s := range z.Servers {
		name, err := wire(s)
		if err != nil {
			return nil, fmt.Errorf("zone: name server: %w", err)
		}
		if s := strings.ToLower(s); s == strings.ToLower(z.Origin) || strings.HasSuffix(s, "."+strings.ToLower(z.Origin)) {
			return nil, fmt.Errorf("zone: name server %s is inside of the zone, which has no addresses", s)
		}
		p.servers = append(p.servers, name)
	}
	contact, err := mailbox(z.Contact)
	if err != nil {
		return nil, fmt.Errorf("zone: contact: %w", err)
	}
	p.soaNames = append(append(p.soaNames, p.servers[0]...), contact...)
	if strings.ContainsAny(z.URL, "\r\n\x00") || len(z.URL) > maxURL {
		return nil, fmt.Errorf("zone: URL is not one line of at most %d octets", maxURL)
	}
	if len(z.Feeds) > maxFeeds {
		return nil, fmt.Errorf("zone: %d feeds, and %d at most", len(z.Feeds), maxFeeds)
	}
	for _, f := range z.Feeds {
		if f.Code < 2 || f.Code == math.MaxUint8 || f.Source == nil || len(f.Text) > maxURL {
			return nil, fmt.Errorf("zone: feed %q: its code is 2 to 254, its text %d octets at most, and it has a source", f.Text, maxURL)
		}
	}
	return p, p.times()
}

// maxServers keeps the answer that names the name servers in one packet.
const maxServers = 4

// Times of the SOA record that only matter to secondaries, of which there are none.
const (
	refreshTime = 3600
	retryTime   = 600
	expireTime  = 86400
)

func (p *packed) times() error {
	for _, t := range []struct {
		of   time.Duration
		what string
		to   *uint32
	}{{p.TTL, "TTL", &p.ttl}, {p.Negative, "negative TTL", &p.negative}} {
		if t.of < 0 || t.of > maxTTL {
			return fmt.Errorf("zone: %s %v is not between 0 and %v", t.what, t.of, maxTTL)
		}
		*t.to = uint32(t.of / time.Second)
	}
	for i, v := range []uint32{refreshTime, retryTime, expireTime, p.negative} {
		binary.BigEndian.PutUint32(p.refresh[4*i:], v)
	}
	return nil
}

// maxTTL is the longest that RFC 2308 §5 calls sensible for negative answers, and far
// beyond what a list wants.
const maxTTL = 24 * time.Hour

// wire is a host name as it stands in packets, in lower case.
func wire(name string) ([]byte, error) {
	name, err := mail.ParseDomain(name)
	if err != nil || strings.HasPrefix(name, "[") {
		return nil, fmt.Errorf("%q is not a domain", name)
	}
	var b []byte
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > maxLabel {
			return nil, fmt.Errorf("%q is not a domain", name)
		}
		b = append(append(b, byte(len(label))), strings.ToLower(label)...)
	}
	if len(b) > maxName-1-64 { // an IPv6 address goes before it
		return nil, fmt.Errorf("%q is too long", name)
	}
	return append(b, 0), nil
}

// mailbox is an address in the form of an SOA record: its local part is the first label
// (RFC 1035 §8).
func mailbox(address string) ([]byte, error) {
	local, host, ok := strings.Cut(address, "@")
	if !ok || local == "" || len(local) > maxLabel || strings.ContainsAny(local, "\" \\@") {
		return nil, fmt.Errorf("%q is not an address such as hostmaster@example.org", address)
	}
	name, err := wire(host)
	if err != nil {
		return nil, err
	}
	return append(append([]byte{byte(len(local))}, local...), name...), nil
}

// within returns how many labels a question's name has before the zone's, and whether it is
// in the zone.
func (p *packed) within(q *question) (labels int, ok bool) {
	from := len(q.name) - len(p.origin)
	if from < 0 {
		return 0, false
	}
	for i, c := range p.origin {
		if lower(q.name[from+i]) != c {
			return 0, false
		}
	}
	for n := range q.labels {
		if int(q.starts[n]) == from {
			return n, true
		}
	}
	return 0, false
}

// A hit is that a subject is listed: which feeds do, by their numbers.
type hit struct {
	feeds [maxFeeds]byte
	n     int
	point bool // a test point, listed by no feed
}

// maxFeeds bounds how many codes an answer has.
const maxFeeds = 8

// look asks the feeds about a subject, and whether its name exists if none lists it.
func (p *packed) look(s subject) (h hit, exists bool) {
	switch {
	case s.kind == anAddress && s.addr == testListed, s.kind == aDomain && s.name == "test":
		h.point = true
		return h, true
	case s.kind == anAddress && s.addr == testFree, s.kind == aDomain && s.name == "invalid":
		return h, s.inner
	case s.kind == nothing:
		return h, s.inner
	}
	for i := range p.Feeds {
		if p.Feeds[i].lists(s) {
			h.feeds[h.n] = byte(i)
			h.n++
		}
	}
	return h, h.n > 0 || s.inner || s.kind == aDomain && p.below(s.name)
}

func (f *Feed) lists(s subject) bool {
	if s.kind == anAddress {
		return f.Source.Addr(s.addr)
	}
	return f.Source.Domain(s.name)
}

// below reports whether a name of a domain exists for what is below it. A single label
// always does: something below .com is listed today or in an hour.
func (p *packed) below(name string) bool {
	if !strings.Contains(name, ".") {
		return true
	}
	for i := range p.Feeds {
		if p.Feeds[i].Source.Below(name) {
			return true
		}
	}
	return false
}

// The test points of RFC 5782 §5.
var (
	testListed = netip.AddrFrom4([4]byte{127, 0, 0, 2})
	testFree   = netip.AddrFrom4([4]byte{127, 0, 0, 1})
)
