// Package mail holds the words of the trade: paths, envelopes, clients,
// messages and their parts, verdicts. They are plain values that every other
// package speaks in; this one imports none of them and does no I/O but reading
// a message's own content.
//
// Names follow RFC 5598 (mail architecture), RFC 5321 (SMTP) and RFC 5322
// (message format).
package mail
