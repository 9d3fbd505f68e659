// Package signing has the private keys with which the mail of our domains is signed (DKIM) and what
// they send on is sealed (ARC), and knows which of them may be used.
//
// A key is made with a selector of its own, and waits. Its owner puts the record into the DNS (Key.Name, Key.Record); the Desk looks for it,
// and when it is there as it should be the key signs, and the one of its kind before it is old. An old key signs nothing
// any more, but what it has signed is on its way or in mailboxes: its record stays for some time (Config.Keep), and then
// its owner is told to take it away. When the record is gone so is the key.
//
//	waiting --found--> active --a newer one is found--> old --after Keep--> spent --record gone--> no more
//
// A domain has keys of both kinds, RSA and Ed25519 (RFC 8463), and each mail gets both signatures, since not all verifiers
// know the younger. Names of a domain have keys of their own: a signature has to be the author's domain's (RFC 9989 §4.4).
//
// Keys are rows, in memory a copy: it follows the rows' revision, so that all nodes sign with the same. Private keys stand in the rows as they
// are, like all other secrets of the store: who can read the store can sign.
//
// The package knows no SQL, and not who may have what signed.
package signing
