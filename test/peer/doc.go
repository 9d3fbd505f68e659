// Package peer runs other people's mail programs for tests: servers that keep what
// they are given or hand it on (Postfix, Exim, OpenSMTPD, Dovecot), each a private
// instance in a directory of its own, on loopback, as the tests' user or, where the
// program insists on it, as root; and programs that send (Swaks, msmtp, smtplib).
//
// A server that is started greets; Stop ends it with all its children. What it keeps
// are files that Mails reads, with LF line ends. ErrMissing says that it can't be had
// on this machine.
package peer
