// Package srs rewrites reverse-paths for mail that is sent on (the Sender Rewriting
// Scheme; no RFC, the paper is "The Sender Rewriting Scheme" by Shevek, 2004).
//
// Mail that a forward sends on leaves from this node, which the sender's SPF record
// does not name. So it leaves under an address of ours that holds the sender's:
//
//	jane@example.net  ->  SRS0=HHHHHH=TT=example.net=jane@ours.example
//
// HHHHHH is a hash with a key of ours over the rest, TT the day. A delivery report to
// that address comes to us, and Reverse says to whom it goes on. Without the hash
// anybody could have us send mail anywhere; with the day an address that was once
// seen is worth nothing after MaxAge.
//
// An address that another forwarder made is not wrapped once more in full, or it would
// grow with each hop. It becomes
//
//	SRS0=abcd=XY=example.net=jane@first.example  ->  SRS1=HHHHHH=first.example==abcd=XY=example.net=jane@ours.example
//
// which leads back to first.example at once, however many came between.
//
// Hash and day are letters and digits of base32 and are compared whatever their case,
// since mail systems fold it. Local parts are taken out of their quotes and the result
// is quoted where it must be; one in UTF-8 stays so, and needs SMTPUTF8 as before.
//
// A rewritten local part often has more than the 64 octets of RFC 5321 §4.5.3.1.1. It
// is used all the same, as all forwarders do: cutting it would lose the sender, and
// hardly anybody refuses it. Beyond mail.MaxPath there is no address: Forward fails
// with ErrTooLong, and the caller decides. Under the sender's own path the next hop's
// SPF check may fail, and reports still come to whom they are for.
package srs
