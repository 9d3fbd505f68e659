package greylist

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"strings"

	"gatepost/internal/mail"
)

// IPv4Bits and IPv6Bits are how many bits of an address are a client's network, as a rule.
const (
	IPv4Bits = 24
	IPv6Bits = 64
)

// Network is the identity of a client of which nothing else is known: its network of that
// many bits. An address inside an IPv6 one (mail.Unmap) is taken out of it.
func Network(a netip.Addr, v4, v6 int) string {
	a = mail.Unmap(a)
	bits := v6
	if a.Is4() {
		bits = v4
	}
	p, err := a.Prefix(bits)
	if err != nil || !p.IsValid() {
		return a.String()
	}
	return p.String()
}

// longWord is the length from which a word of a local part is no person's.
const longWord = 20

// Sender is who a reverse-path is taken for: its canonical form (mail.Path.Canonical),
// without sub-address and recipient, and with "#" in the place of numbers and of words that are
// too long to be a person's. So a list or shop that has another bounce address for each
// mail is one sender. Two people that are taken for one lose nothing by it: both are
// known once one of them is.
func Sender(p mail.Path) string {
	p = p.Canonical()
	local, domain := p.Local(), p.Domain()
	if p.IsNull() || strings.HasPrefix(local, `"`) {
		return string(p)
	}
	if i := strings.LastIndexByte(local, '='); i > 0 && strings.Contains(local[i:], ".") { // user=domain
		local = local[:i]
		if j := strings.LastIndexAny(local, "-+"); j > 0 {
			local = local[:j]
		}
	}
	if i := strings.IndexByte(local, '+'); i > 0 {
		local = local[:i]
	}
	var b strings.Builder
	b.Grow(len(p))
	for local != "" {
		n := strings.IndexAny(local, "-._=")
		word, sign := local, ""
		if n >= 0 {
			word, sign = local[:n], local[n:n+1]
		}
		writeWord(&b, word)
		b.WriteString(sign)
		local = local[len(word)+len(sign):]
	}
	b.WriteByte('@')
	b.WriteString(domain)
	return b.String()
}

// writeWord writes a word of a local part, with its numbers as "#".
func writeWord(b *strings.Builder, word string) {
	if len(word) >= longWord || mail.IsMade(word) {
		b.WriteByte('#')
		return
	}
	in := false
	for i := range len(word) {
		digit := word[i] >= '0' && word[i] <= '9'
		switch {
		case !digit:
			b.WriteByte(word[i])
		case !in:
			b.WriteByte('#')
		}
		in = digit
	}
}

// A numberer makes numbers of texts by a secret key.
type numberer [32]byte

// number is the first 63 bits of a hash under the key, and not 0. Whoever has rows but no
// key can't try addresses.
func (n *numberer) number(texts ...string) int64 {
	var space [1024]byte
	b := append(space[:0], n[:]...)
	for _, t := range texts {
		b = binary.BigEndian.AppendUint16(b, uint16(len(t)))
		b = append(b, t...)
	}
	sum := sha256.Sum256(b)
	return int64(binary.BigEndian.Uint64(sum[:])>>1) | 1
}

// Numbers are what stands for an address in rows: where it is the sender's, and where it
// is the recipient's.
func (b *Book) Numbers(p mail.Path) (sender, recipient int64) {
	return b.key.address(Sender(p)), b.key.address(string(p.Fold()))
}

func (n *numberer) address(s string) int64 { return n.number("address", s) }
