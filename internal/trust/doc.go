// Package trust remembers to whom people here write, whose mail they had released, and who
// showed to be a person: their mail is wanted, and no filter's guess should hold it.
//
// What is known is a weight for each pair of a recipient's scope (a mailbox, a domain, an
// address that has no mailbox here) and a sender's address. Events raise it: a customer's
// mail that reached the sender (Outgoing), a solved challenge, a release. It is halved each
// HalfLife that goes by without use, and never above Most. A use, which is mail from the
// sender that was asked about and proven, makes the time begin anew.
//
// A weight says nothing of who wrote: whoever asks finds out whether the sender is proven,
// since anybody can write any reverse-path.
//
// Lessons join the commit that brings about what they rest on: the one that settles a
// transfer, or releases a held message. What a held message taught is kept with it and can
// be taken back (Rows.Forgive). Looking a weight up is one read by primary key for each
// scope, behind a small cache that forgets within a second; uses are written together
// every few seconds, and what has decayed to nothing is removed by a chore.
package trust
