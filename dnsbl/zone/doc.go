// Package zone publishes whom a node blocks as a DNS list (RFC 5782), for others to
// ask: the other side of package dnsbl.
//
// A Server answers for one zone, from memory, over UDP and TCP. There is no zone file and
// nothing is copied: whether a name exists is asked of the Sources of the zone's Feeds at the
// moment of the question, so that an entry is published as soon as it is in force and no
// longer than that. Each feed has its own return code, and whoever is in several has
// several. A name below the zone is one of
//
//	2.0.0.127       an IPv4 address, its octets in reverse order (RFC 5782 §2.1)
//	b.a.9.8. … .2   an IPv6 address, its 32 nibbles in reverse order (§2.4)
//	example.net     a domain (§2.3)
//
// The test points of §5 are always there: 127.0.0.2 (and ::ffff:127.0.0.2) and TEST are
// listed, 127.0.0.1 and INVALID never.
//
// A packet costs no allocation where an address is asked about: the question is read where
// it lies, and the answer appended to a buffer. It is the only thing that the server can
// do: it does not recurse, transfers no zone, and takes neither updates nor notices. What it
// sends to a network in a second is bounded (Zone.PerSecond), since the addresses of UDP
// packets can be forged, and an answer is longer than its question.
package zone
