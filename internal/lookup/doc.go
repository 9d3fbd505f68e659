// Package lookup asks somebody else whether a recipient exists: the LDAP directory
// or the SQL database of a customer, or the server that would get the mail (a
// callout: RCPT without a message). So that mail for nobody is refused at RCPT, and
// not bounced later to a sender who is mostly forged.
//
// What was answered is kept: "exists" for long, "does not" for a short while. While
// a source is down, addresses that existed within the last day still do; about
// others nobody can tell, and the client is asked to come again. A source that
// fails again and again is left alone for some seconds at a time, so that a dead
// one costs no connection the time limit.
package lookup
