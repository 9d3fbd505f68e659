// Package collector fetches mail from accounts at other servers into mailboxes here, and knows
// what it has fetched.
//
// What was taken is a Mark: a row that is written in the commit that accepts the message, or with
// it not at all. So a message is neither lost nor taken twice whatever is killed when: before the
// commit nothing happened; after it the mark is there, and a removal at the other server that did
// not come about is made up for by the next run. A Desk decides which accounts are due, and has
// several fetched at a time; one node does so (the lease of common work).
//
// A collected message can't be refused, since nobody is there who would hear of it: what takes it
// in holds what the policy would reject. What can't be taken at all stays where it is, with a mark
// that says why.
//
// The package speaks no protocol: a Session does.
package collector
