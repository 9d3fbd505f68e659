// Package sieve reads and runs the rules by which the owner of a mailbox has mail filed,
// forwarded and answered: Sieve (RFC 5228), with the extensions that Extensions names.
//
// Compile reads a script once, when it is put in place, and refuses with the line whatever the
// script could not do: unknown words, wrong arguments, a capability that it did not require.
// Run then decides about one message. It changes nothing and speaks with nobody: what it
// returns are Actions, which the mailbox's delivery carries out in its commit.
//
// A script is a stranger's program, so everything that it may use is bounded: the size of its
// text, the depth of its blocks, the steps, the octets of its variables, the actions, and
// regular expressions, which are linear in time. A run that meets a bound or an error ends with
// an error, and the message is kept in the inbox (RFC 5228 §2.10.6).
//
// Where the RFCs leave a choice the package does what Pigeonhole does, which most scripts are
// written for; a test compares the two.
package sieve
