// Package acme asks an authority for certificates (RFC 8555), proves that names are ours, and asks again in time.
//
// Each name has an order of its own, so that one whose DNS leads elsewhere keeps no other from its certificate. A Desk
// runs on one of the nodes; keys, certificates, the account and what is shown as a proof are rows (package
// certificate), so that every node answers the authority and shows what it gave, and that another node goes on when
// this one dies. A name's key is kept before it is used; an order that is broken off is begun anew.
//
// A certificate is renewed when a third of its life is left, at a time of its own, with the key that it has: what
// other servers pinned (DANE) stays true. After a failure the wait doubles from five minutes to six hours, and is no
// shorter than the authority asks for; the reason stands in the name's row, with what to do.
//
// It is a small flow over x/crypto's client and not that module's autocert, which orders in the middle of a client's
// handshake, on every node by itself, and keeps what failed to itself.
//
// The challenges are http-01 and tls-alpn-01; so a name with a star can't be had (RFC 8555 §7.1.3: by the DNS only).
package acme
