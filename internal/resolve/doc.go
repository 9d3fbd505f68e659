// Package resolve asks the DNS. It is a stub resolver (RFC 1034 §5.3.1): it sends
// questions to the recursive servers that the admin named, or that the system
// uses, and keeps their answers for a while.
//
// An answer is one of four things, and callers can always tell which: records;
// ErrNoName, the name does not exist (NXDOMAIN); ErrNoData, it exists without
// records of this type; ErrTemporary, nobody could say (SERVFAIL, a time-out, a
// refusal). The last is never to be read as one of the others.
//
// All errors are *net.DNSError, the words that the standard library and most mail
// libraries understand, and wrap one of the three sentinels. The Lookup methods
// have the signatures of net.Resolver's, so a Resolver goes wherever one of those
// does; Lookup itself tells more: time to live, AD bit, whether it was cached.
//
// How a question travels: cache → its message's Budget → single flight (who asks what is
// being asked already waits for that answer) → a place among those under way → the
// servers. The first that is well is asked, over UDP and, where the answer did not fit,
// over TCP; the next too, where the first fails or takes longer than it mostly does. A
// server that is silent a few times in a row is probed, and left out until it answers; see
// upstream.go.
//
// Where no server answers, records that are past their time are told for a while (RFC
// 8767), with an ErrTemporary that has a StaleError in its chain: only who looks for that
// uses them. The Secure methods and LookupTLSA never have them.
//
// It is not a validating resolver: the AD bit is passed on only where Config trusts its
// servers.
package resolve
