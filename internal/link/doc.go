// Package link reads the addresses in mail as a browser would that the reader's click
// opens, and tells to whom they lead.
//
// Whoever writes to deceive writes "hxxp" in ways that programs read alike and people and
// naive filters do not: "http:\\paypal.com@evil.example", "http://0x7f.1", "http://evil。example",
// hosts in percent signs, letters of another alphabet that look the same, a redirector of good
// repute in front. So each address goes through the same steps:
//
//	Parse     the text as a URL after the WHATWG URL standard, its host in the DNS's form (UTS #46)
//	Unwrap    the addresses behind redirectors that carry them in their own: no network is asked
//	Domain    the registrable domain: whom one complains to, what lists know
//	Shown     the hosts that a text shows a reader, which may be others than it leads to
//	Names     whether a host looks like a protected one and is not
//
// Nothing here asks the network; what a shortener stands for (see IsShortener) stays unknown.
// All functions are bounded by the length of their text, of which no more than MaxURL octets of an
// address are read.
package link
