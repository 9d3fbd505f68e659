package dnsbl

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Codes is a table of the return codes that are hits. The zero table is
// DefaultCodes.
type Codes struct{ ranges []codeRange }

// A codeRange is the addresses from first to last of which, where mask is set, at
// least one bit of mask is set.
type codeRange struct {
	first, last, mask uint32
	meaning           string
}

// DefaultCodes are the codes of lists of which nothing else is known: 127.0.0.2,
// as RFC 5782 §2.1 recommends, and its neighbours up to 127.0.0.254. Never
// 127.0.0.1, which a list that works never gives (§5).
const DefaultCodes = "127.0.0.2-254"

var (
	loopback = netip.MustParsePrefix("127.0.0.0/8")
	// refusals is where lists tell that they don't serve whoever asks: 127.255.255.252
	// a typing error in the zone, .254 asked through a public resolver, .255 too often.
	refusals = netip.MustParsePrefix("127.255.255.0/24")
)

// ParseCodes reads a table of codes, each one of
//
//	127.0.0.2           this code
//	127.0.0.2-11        from .2 to .11 (or to 127.0.1.255, written in full)
//	127.0.0.0/24        all of the network
//	127.0.0.0/24&0x06   of the network, those with one of these bits in the last octet
//
// and, behind a colon, what it means: "127.0.0.4-7: exploited hosts".
//
// The list may not claim 127.255.255.0/24 nor anything outside 127.0.0.0/8: those
// answers are never hits.
func ParseCodes(texts []string) (Codes, error) {
	if len(texts) == 0 {
		texts = []string{DefaultCodes}
	}
	var c Codes
	for _, text := range texts {
		code, meaning, _ := strings.Cut(text, ":")
		r, err := parseCode(strings.ReplaceAll(code, " ", ""))
		if err == nil {
			r.meaning, err = parseMeaning(meaning)
		}
		if err != nil {
			return Codes{}, fmt.Errorf("code %q: %w", text, err)
		}
		c.ranges = append(c.ranges, r)
	}
	return c, nil
}

// maxMeaning bounds what a code means, in octets.
const maxMeaning = 60

func parseMeaning(s string) (string, error) {
	s = strings.TrimSpace(s)
	if len(s) > maxMeaning || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", fmt.Errorf("its meaning is not a text of at most %d octets", maxMeaning)
	}
	return s, nil
}

func parseCode(s string) (codeRange, error) {
	s, bits, masked := strings.Cut(s, "&")
	r, err := parseRange(s)
	if err != nil {
		return r, err
	}
	if masked {
		mask, err := strconv.ParseUint(bits, 0, 8)
		if err != nil || mask == 0 {
			return r, fmt.Errorf("mask %q is not between 1 and 255", bits)
		}
		r.mask = uint32(mask)
	}
	low, high := span(loopback)
	denied, _ := span(refusals)
	switch {
	case r.first > r.last:
		return r, fmt.Errorf("ends before it begins")
	case r.first < low || r.last > high:
		return r, fmt.Errorf("reaches outside 127.0.0.0/8")
	case r.last >= denied:
		return r, fmt.Errorf("reaches into 127.255.255.0/24, by which lists refuse to serve")
	}
	return r, nil
}

func parseRange(s string) (codeRange, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil || !p.Addr().Is4() {
			return codeRange{}, fmt.Errorf("not a network")
		}
		first, last := span(p.Masked())
		return codeRange{first: first, last: last}, nil
	}
	from, to, isRange := strings.Cut(s, "-")
	first, err := parse4(from)
	if err != nil {
		return codeRange{}, err
	}
	if !isRange {
		return codeRange{first: first, last: first}, nil
	}
	if n, err := strconv.ParseUint(to, 10, 8); err == nil {
		return codeRange{first: first, last: first&^0xff | uint32(n)}, nil
	}
	last, err := parse4(to)
	return codeRange{first: first, last: last}, err
}

func parse4(s string) (uint32, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return 0, fmt.Errorf("not like 127.0.0.2, 127.0.0.2-11 or 127.0.0.0/24")
	}
	return number(a), nil
}

func number(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// span returns the first and last address of a network.
func span(p netip.Prefix) (first, last uint32) {
	first = number(p.Addr())
	return first, first | uint32(1<<(32-p.Bits())-1)
}

// Has reports whether an answer is one of the codes.
func (c Codes) Has(a netip.Addr) bool {
	if !a.Is4() || !loopback.Contains(a) || refusals.Contains(a) {
		return false
	}
	n := number(a)
	return slices.ContainsFunc(c.ranges, func(r codeRange) bool { return r.has(n) })
}

func (r codeRange) has(n uint32) bool {
	return n >= r.first && n <= r.last && (r.mask == 0 || n&r.mask != 0)
}

// meanings tells what codes mean, those of which it is known.
func (c Codes) meanings(codes []netip.Addr) string {
	var texts []string
	for _, a := range codes {
		if !c.Has(a) {
			continue
		}
		for _, r := range c.ranges {
			if r.has(number(a)) && r.meaning != "" && !slices.Contains(texts, r.meaning) {
				texts = append(texts, r.meaning)
			}
		}
	}
	return strings.Join(texts, ", ")
}
