// Package remote reads mail accounts at other servers: a client of POP3 (RFC 1939) and one of
// IMAP (RFC 3501 and 9051), no more of both than it takes to bring mail here.
//
// The server is a stranger. Every line, literal and list that it sends has a bound, every wait a
// limit; what it says of sizes is a hint and never believed. A password is sent over TLS only, unless
// the account says otherwise, and the certificate is verified or the one that was pinned. A
// connection is for one goroutine at a time, and ends with the context that it was dialled with.
package remote
