// Package queue keeps what is to be carried on until it is: a Message with the
// content that all its recipients share, and a Transfer for each of them. It
// decides when a transfer is tried, how many go to one destination at a time, when
// to give up, and what the sender is told (RFC 3464). It knows nothing of SMTP and
// SQL: a Carrier takes messages to their next hop, Rows keeps them.
//
// # Life of a transfer
//
// It is written in the commit that accepts its message. A node claims what is
// due: the claim sets the time at which it is due again, in case that the node
// dies, and raises its fence; only who knows the fence may settle it. No
// transaction of the store is open while a message is on the wire. Settling it is
// one commit: the transfer is removed, or put back with a later time, and
// whatever its sender is told is queued with it.
//
// A transfer is carried twice only where a node dies between the next hop's 250
// and that commit, the window that SMTP itself leaves open (RFC 5321 §4.5.4.1), or
// where the rows are out of reach then until another node claims it. A node passes
// over what it has on the wire itself, whatever the clock of the rows does.
//
// # Lanes
//
// What is known of a destination while the process runs is its lane: whether it was
// reached, takes long, or rests. Try goes by the lanes too: it carries a job that is
// in no row, for a client that waits.
package queue
