// Package digest tells the owners of mailboxes by mail what is held for them.
//
// Each domain has hours for it. At such an hour every reader with something new gets
// one mail, and nobody else gets any. A reader is a mailbox here, or an address of a
// domain of ours whose mail lives on hosts of its own. What is told are messages that
// were held since the last digest, and those that are about to be removed.
//
// How far a reader was told is a row, written in the commit that queues the mail: a
// crash or a second run tells nobody twice. Only readers with new held messages are
// looked at, however many there are.
//
// Each held message stands there with links. A link carries a sealed token (package
// internal/token), which names one act and one held message; it opens a page with a
// button. Nothing happens by following it.
//
// What senders wrote is shown as text that does nothing: no control characters, nothing
// that turns the direction of writing, nothing that mail programs make a link of.
//
// The store (Rows), the directory (Directory) and the queue (Post) are joined by
// internal/app.
package digest
