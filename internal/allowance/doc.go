// Package allowance bounds what a log-in may send, so that an account that was taken over
// is stopped, and shows.
//
// For each mailbox it counts messages by minute, hour and day, and the different recipients
// of a day. Beyond a limit a message, or a recipient, is put off; a log-in that goes on asking
// until it has asked for several times a limit (Limits.LockAt) is stopped: it sends nothing until
// somebody says so. Besides, it counts what shows that somebody else has the password:
// recipients that do not exist, reports that come back, networks from which it logged in.
//
// A Book counts in memory and answers at once; no message waits for a row. Run writes what
// was counted every few seconds, and reads what other nodes counted and who is stopped, so
// limits hold for all nodes together, late by that much. A crash forgets as much.
//
// The package knows nothing of SMTP and SQL, nor of addresses of mailboxes: those are numbers.
package allowance
