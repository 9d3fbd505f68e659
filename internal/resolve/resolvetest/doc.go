// Package resolvetest serves DNS zones that are written as text, over real UDP and
// TCP sockets: for tests of whatever asks the DNS, and for the demo, in which SPF,
// PTR and DNS lists have answers without the Internet.
//
// A zone is in the master file format (RFC 1035 §5.1), names relative to the root,
// TTL 300 unless it says otherwise, and may hold names of any domain. Lines that
// begin with "!" make a name misbehave, or with "*." all below it:
//
//	example.org.          TXT   "v=spf1 ip4:192.0.2.0/24 -all"
//	7.2.0.192.in-addr.arpa. PTR mail.example.org.
//	*.dnsbl.example.      A     127.0.0.2
//	!servfail *.broken.example.
//	!refuse   private.example.
//	!timeout  silent.example.        no answer at all
//	!truncate big.example.           over UDP only the TC bit
//	!lame     lame.example.          a referral to elsewhere
//	!delay    slow.example. 200ms    the answer, later
//	!secure   *.signed.example.      the AD bit, to those who ask for it, where a chain of
//	                                 CNAMEs stays with such names
//
// The server behaves like a recursive one that knows nothing else: CNAMEs are
// followed, wildcards expanded (RFC 4592), and absence is told with an SOA.
package resolvetest
