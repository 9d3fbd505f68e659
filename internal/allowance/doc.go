// Package allowance bounds what a log-in may send, so that an account that was taken over
// is stopped, and shows.
//
// For each mailbox it counts messages by minute, hour and day, and the different recipients
// of a day. Beyond a limit a message, or a recipient, is put off; a log-in that goes on asking
// until it has asked for several times a limit (Limits.LockAt) is stopped: it sends nothing until
// somebody says so. Besides, it counts what shows that somebody else has the password:
// recipients that do not exist, reports that come back, networks from which it logged in.
//
// A Book counts in memory. Run writes what was counted every few seconds, and reads what other nodes
// counted and who is stopped, so limits hold for all nodes together, late by that much. A crash
// forgets as much. In memory are those who send through this node, bounded: who has not asked for a while makes
// room, and is read from the rows when he asks again. A message waits for that one row then, and for none else.
//
// A recipient who stands for others (an alias, a list) counts as all of them. What a mailbox's rules send on is
// counted beside what its owner sends, under the same limits, and stops nobody: strangers write that mail.
//
// The package knows nothing of SMTP and SQL, nor of addresses of mailboxes: those are numbers.
package allowance
