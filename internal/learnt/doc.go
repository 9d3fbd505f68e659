// Package learnt keeps what spam taught, and what ham did: prints of messages by which
// the same or nearly the same is known again.
//
// A message has prints of several kinds: the checksum and the sketch of its text (package
// bulk), the hashes of its attachments and pictures, and the pair of the client's network and
// the checksum. A Lesson says that a message is spam, or that it is not, who says so and
// by what (a trap, a report, a release), and has the prints that it taught. One person has one
// opinion of one message, the last one; taking a lesson back leaves everything as it would be had it not been given.
//
// A print counts as spam where more persons say so than say the opposite (Standing). So one
// that was taught by mistake ends with the first who releases what it held. But whoever sends spam may solve
// a task, and have a mailbox here, too: a sender's word teaches no print, and what an operator or a virus taught
// ends by an operator's word alone (Standing.Oppose).
//
// Who is believed is another matter (Standing.Believed): anybody can send a trap a copy of somebody else's
// mail, so traps and viruses count from two networks on, and people in their own domain, and
// elsewhere once they are of two.
//
// Rows are the truth, and nodes share them. A Memory has those that count as spam, within a
// bound, and follows the rows by their revision; the filters ask it, and it waits for
// nothing. A Desk writes: lessons of the node's own wait for a moment, so that a flood of
// them costs one commit a second. What a source, and one person, may teach in a day is
// capped; what is older than Config.Keep is forgotten.
//
//	desk.Teach(learnt.Lesson{Message: id, Spam: true, Source: learnt.Trap, Person: network, Prints: prints})
//	standing, ok := desk.Memory().Spam(learnt.Checksum, sum)
//
// The package does not know how prints are made, and no SQL.
package learnt
