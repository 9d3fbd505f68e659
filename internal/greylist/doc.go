// Package greylist remembers who has tried to send what to whom, so that the filter of
// that name can ask a stranger to try again later (RFC 6647). Programs that send spam
// mostly do not come back; servers do, after some minutes.
//
// What is remembered is a triplet: an identity, the sender, the recipient. The identity is
// what was proven of the client, its organisation's domain, or else its network (/24,
// /64), so that who retries from another address of a pool is known. The sender is a
// reverse-path without all that changes from one mail to the next (Sender), so that a list
// does not begin anew with each issue. A triplet waits from its first attempt on; one that comes
// again after Terms.Delay, and within Terms.Window, passes, and stays so for Terms.Keep
// after its last use. An identity of which Terms.Passes triplets passed does not wait at
// all any more.
//
// A Book answers from memory where it can and from Rows else. Check changes nothing. What
// Record notes is written by Run within a second or so: a crash costs a stranger's first
// attempt, and the stranger comes again. Several nodes may share rows: the delay is much
// longer than it takes until all of them see an attempt, and rows of both are merged
// (Triplet.Merge).
//
// Mail must not wait for a store that fails: where rows can't be read, or were not written
// when that was last tried, Check is an error about everybody who is not known.
//
// Rows have no addresses, only numbers that a secret key makes of them (Book.Numbers), and the
// domains. A flood of made-up senders can't fill the store: a network has a bounded number
// of triplets that wait, and so have all; the oldest give way. A pass is never
// removed for them.
//
// How long mail was late for all this is counted by the sender's domain and day (Delay).
package greylist
