package resolve

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// A Type is a record type to ask for (RFC 1035 §3.2.2).
type Type uint16

// The types that mail asks for.
const (
	A     = Type(dns.TypeA)
	AAAA  = Type(dns.TypeAAAA)
	CNAME = Type(dns.TypeCNAME)
	MX    = Type(dns.TypeMX)
	NS    = Type(dns.TypeNS)
	PTR   = Type(dns.TypePTR)
	TLSA  = Type(dns.TypeTLSA)
	TXT   = Type(dns.TypeTXT)
)

// String returns the type's mnemonic.
func (t Type) String() string {
	if s, ok := dns.TypeToString[uint16(t)]; ok {
		return s
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// A Record is one resource record, as far as its type fills it.
type Record struct {
	TTL  time.Duration // as the server gave it, not clamped
	Addr netip.Addr    // A, AAAA
	Host string        // CNAME, NS: a name without its final dot; MX, PTR: a host name, see host; MX "." is the null MX (RFC 7505)
	Pref uint16        // MX
	Text string        // TXT: its strings joined, octets as they were
	Data []byte        // TLSA: the record as it is on the wire (RFC 6698 §2.1)
}

// An Answer is what the DNS had to say. It is shared with the cache and must not
// be changed.
type Answer struct {
	Name    string // whose records they are: the name asked for, or where its CNAMEs lead
	Records []Record
	TTL     time.Duration // how long it may be kept, from when it was fetched
	AD      bool          // the servers vouch for it by DNSSEC (see Config.Validates)
	Cached  bool
	Stale   bool // no server answers, and this is what one said before: see StaleError
}

// record turns a resource record into a Record; ok is false for types that
// Record has no field for, and for records without data, which the library lets through.
func record(rr dns.RR) (r Record, ok bool) {
	r.TTL = seconds(rr.Header().Ttl)
	switch rr := rr.(type) {
	case *dns.A:
		r.Addr, ok = netip.AddrFromSlice(rr.A.To4())
	case *dns.AAAA:
		r.Addr, ok = netip.AddrFromSlice(rr.AAAA.To16())
	case *dns.CNAME:
		r.Host, ok = undot(rr.Target), rr.Target != ""
	case *dns.MX:
		r.Host, r.Pref, ok = host(rr.Mx), rr.Preference, rr.Mx != ""
	case *dns.NS:
		r.Host, ok = undot(rr.Ns), rr.Ns != ""
	case *dns.PTR:
		r.Host, ok = host(rr.Ptr), rr.Ptr != ""
	case *dns.TXT:
		r.Text, ok = unescape(strings.Join(rr.Txt, "")), len(rr.Txt) > 0
	case *dns.TLSA:
		data, err := hex.DecodeString(rr.Certificate)
		r.Data, ok = append([]byte{rr.Usage, rr.Selector, rr.MatchingType}, data...), err == nil && len(data) > 0
	}
	return r, ok
}

// host returns a host's name without its final dot. One with octets that no host name
// has (RFC 1123 §2.1, and the underscore of practice) leads nowhere, and must not be taken
// for another: a label "mx.example" below "org" is not mx.example.org. It is told as it is
// in master files, below .invalid, where nothing is (RFC 6761 §6.4).
func host(name string) string {
	plain := undot(name)
	if name == "." || isPlain(strings.ToLower(plain)) {
		return plain
	}
	return plain + ".invalid"
}

// undot returns a name without its final dot; the root stays ".".
func undot(name string) string {
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}

// unescape undoes the \" and \065 of the master file format (RFC 1035 §5.1), in
// which the dns library hands out text.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		if i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 10, 8); err == nil {
				b = append(b, byte(n))
				i += 3
				continue
			}
		}
		i++
		b = append(b, s[i])
	}
	return string(b)
}
