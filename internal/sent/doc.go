// Package sent knows what left this system, so that mail about it is told from mail that
// only says so. Delivery reports have no sender (RFC 5321 §4.5.5): nothing in their
// envelope can be checked, and spammers forge them, since many servers let them pass.
// What a true one can't be without is something that we sent.
//
// Two things are kept of that:
//
//   - A Ledger of the Message-IDs of what users and customers sent, each with the address
//     that sent it, and of what the node writes by itself: 16 octets each, made with a key
//     of ours, so that nobody can read from it who wrote what. It is written in the commit that queues the message. Refers
//     finds the Message-IDs in a report.
//   - Nothing at all of return paths that a Signer signed (BATV, draft-levine-smtp-batv):
//     an address of ours with a tag, prvs=KDDDSSSSSS=ann@example.org, that we alone can
//     make, and that ends after a week. A report comes back to it. Nobody's mail leaves
//     under such a path unless its sender is signed with Sign.
//
// The package knows no SQL, no SMTP, and nothing of what follows from an answer.
package sent
