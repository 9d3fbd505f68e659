package mail

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"net/netip"
	"strings"
	"time"
)

// A Client is the peer of an SMTP connection as far as it is known.
type Client struct {
	Addr  netip.Addr // unmapped: IPv4 in IPv6 is IPv4 here (see Unmap)
	Port  uint16
	Local netip.AddrPort // where it reached us
	Helo  string         // as given; syntax not promised
	ESMTP bool           // it said EHLO
	TLS   string         // "TLS1.3 TLS_AES_128_GCM_SHA256", or "" in the clear
	Login Path           // the authenticated mailbox or sender, null for strangers
	Key   string         // of its TLS certificate, the SHA-256 in hexadecimal digits; "": it showed none
	Users bool           // it came in where users' programs send (RFC 6409), and must log in
	// Relayed: a relay of ours brought it, of which this is the client, or which it is itself.
	Relayed bool
	// Pipelined is the command behind which it sent more where it had to wait for our reply
	// (RFC 2920 §3.1), "" where it never has.
	Pipelined string
	Ear       Ear // nil: nobody listens before the greeting
}

// An Ear listens to a client before it is greeted.
type Ear interface {
	// Early reports whether the client sends anything within wait, or has before: it does
	// not wait for its turn. What it sent is not lost. An error means that ctx ended.
	Early(ctx context.Context, wait time.Duration) (bool, error)
}

// nat64 is the well-known prefix of RFC 6052.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// Unmap returns the IPv4 address inside an IPv4-mapped (::ffff:0:0/96) or NAT64
// (64:ff9b::/96) IPv6 address, so that no list is missed by a spelling; any
// other address comes back without its zone.
func Unmap(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		b := a.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}

// UnmapPrefix is Unmap for networks: one that lies within either range is that of IPv4. It has its bits
// where p has them.
func UnmapPrefix(p netip.Prefix) netip.Prefix {
	if a := Unmap(p.Addr()); a.Is4() && p.Addr().Is6() && p.Bits() >= 96 {
		return netip.PrefixFrom(a, p.Bits()-96)
	}
	return p
}

// An Envelope is what MAIL and RCPT said (RFC 5321 §2.3.1).
type Envelope struct {
	ReversePath Path
	Recipients  []Path
	Params      Params
}

// Params are the ESMTP parameters of MAIL that matter behind the edge.
type Params struct {
	Size       int64  // declared by SIZE= (RFC 1870), 0 if not
	Body       string // "", "7BIT" or "8BITMIME" (RFC 6152)
	SMTPUTF8   bool   // RFC 6531
	RequireTLS bool   // REQUIRETLS (RFC 8689 §2): it leaves by TLS to servers that are proven, and that promise the same, or not at all
	Return     string // RET= (RFC 3461 §4.3): "", "FULL" or "HDRS"
	EnvelopeID string // ENVID= (RFC 3461 §4.4), decoded from xtext
	// Release is until when the sender has it wait (HOLDFOR=, HOLDUNTIL=, RFC 4865); zero: it does not.
	Release time.Time
}

// RcptParams are the ESMTP parameters of RCPT that matter behind the edge (RFC
// 3461 §4.1, §4.2).
type RcptParams struct {
	Notify   Notify
	Original string // ORCPT=, "rfc822;ann@example.org", decoded from xtext; "" if not given
}

// Notify says of what the sender wants to hear (NOTIFY=, RFC 3461 §4.1). Zero is
// the default: of failures, and of delays.
type Notify uint8

// Wishes, which add up; NotifyNever stands alone.
const (
	NotifyNever Notify = 1 << iota
	NotifySuccess
	NotifyFailure
	NotifyDelay
)

// Wants reports whether the sender wants to hear of w.
func (n Notify) Wants(w Notify) bool {
	if n == 0 {
		return w == NotifyFailure || w == NotifyDelay
	}
	return n&w != 0
}

// Or returns the wishes of two who want to hear of the same: what either wants.
func (n Notify) Or(m Notify) Notify {
	var both Notify
	for _, w := range []Notify{NotifySuccess, NotifyFailure, NotifyDelay} {
		if n.Wants(w) || m.Wants(w) {
			both |= w
		}
	}
	if both == 0 {
		return NotifyNever
	}
	return both
}

// NewID returns a name for one transaction: 20 lower-case letters and digits
// that sort by time (48 bits of Unix milliseconds, 52 of chance), safe in
// replies, header fields, URLs and file names.
func NewID(now time.Time) string {
	var b [13]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	rand.Read(b[6:])
	return strings.ToLower(sortable.EncodeToString(b[:]))[:20]
}

// sortable keeps the order of the bytes in the text (RFC 4648 §7).
var sortable = base32.HexEncoding.WithPadding(base32.NoPadding)
