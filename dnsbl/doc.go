// Package dnsbl asks DNS lists (RFC 5782) about an address or a domain.
//
// A list answers in the 127.0.0.0/8 network or says that the name does not exist.
// What goes wrong in practice is everything else: a list that refuses whoever asks
// through a public resolver by answering 127.255.255.254, a dead list whose
// domain was sold and that answers with the address of a web server for every
// name, a zone that does not answer at all. So each answer is one of four states,
// and only a declared return code is a hit:
//
//	hit      a code that the configuration names
//	miss     the name does not exist, or has no address
//	error    anything else: could not ask, or can't believe the answer
//	not run  the list has nothing to be asked about, or is not worth asking
//
// An error has a Fault, its kind, and a cause that says what to do.
//
// Judge counts the share of hits by weight among the lists that answered validly,
// so that a failing list takes no part; Ask puts all questions at once. Health knows which
// lists may be believed at all: it probes their test points, watches how many of those asked
// about they hit, and counts what they answer and how fast.
//
// Package dnsbl/zone is the other side: it publishes a list.
package dnsbl
