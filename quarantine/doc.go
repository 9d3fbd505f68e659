// Package quarantine keeps messages that were held back, until somebody releases
// or deletes them or their time is over.
//
// A held message is one row for each recipient; those of one transaction share
// the content. Rows are made by the intake, in the commit that accepts the
// message; this package finds them, shows them, and ends the hold. However it
// ends, it ends once: the store changes the state and makes what follows from it
// in one commit, and who comes second is told who was first.
//
// A released message is delivered to the inbox as it would have been, past all
// filters. How it gets into a mailbox is not known here: a Preparer makes the
// Delivery, and the store takes it in.
package quarantine
