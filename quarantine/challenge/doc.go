// Package challenge has the rules by which the sender of a held message is told of it,
// so that a person whose mail was taken for spam can release it.
//
// There are two ways to tell. The answer to the message itself has the link: the
// sending server tells its own user, and no mail is ever sent to an address that was
// forged. Or a notice is sent to the reverse-path; that is backscatter wherever the
// reverse-path is not the sender's own, so Refusal says no unless it is proven, and a
// Notifier sends what is left one by one, a few for each sender and only so many an hour:
// neither an upgrade nor a backlog can make a storm of them.
//
// The same message comes more than once: its server tries again, another MX brings it,
// its author presses the button twice. Canonical and Same tell that it is the same, for
// which there is one held message, one link, and one delivery.
//
// The package decides and words. It holds nothing, sends nothing and keeps nothing: the
// intake holds, the queue carries, and Rows and a Sender are declared here for those who
// keep.
package challenge
