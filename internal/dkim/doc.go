// Package dkim verifies and makes signatures over mail: those of DKIM (RFC 6376, with RFC 8301 and
// 8463) and, for package arc, those of an ARC set, which are made alike (RFC 8617 §4.1.2).
//
// A signature names the fields that it covers, a canonical form of header and body, and a
// key in the DNS. ParseSignature reads one, Verify looks at all signatures of a message
// together: keys are fetched at once, each once, and the body is read once, whatever its
// size and however many signatures there are; it is never in memory as a whole. Keys know
// the answers of the DNS for one message.
//
// What a verifier may not do (RFC 8301: rsa-sha1, RSA below 1024 bits) is an error of the
// signature, not a choice. What a caller may see differently is told apart: a signature
// that matches but leaves a part of the body out (l=) is Policy, never Pass.
//
// A Signer signs for a domain, with RSA or Ed25519, always the whole body and in the form Relaxed, which most of what
// servers on the way do to mail leaves whole. What could be read in two ways is not signed (ErrUnsignable). NewKey, Record and
// ZoneText make what its owner publishes.
//
// Verifying does not count From fields, and knows no alignment: that is for who asks.
package dkim
