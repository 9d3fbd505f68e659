// Package scripts has the Sieve scripts of mailboxes at hand for the delivery: which boxes have
// one that is active, and those that ran lately, compiled.
//
// Most boxes have none. Which have is known here without asking: a Desk follows the revisions of
// the store's rows, once a second, so that what another node stored counts soon; what is changed
// by way of the Desk counts at once. Compiled scripts are kept by box and revision, within bounds
// of their number and of the octets of their text.
package scripts
