// Package trace reads what the header of a message tells of its way and of who wrote it: the
// servers that it passed (RFC 5321 §4.4), what was found out about its sender (RFC 8601), what
// this system's filters said, whether a list or a program has sent it. It finds nothing out
// anew, and judges nothing: it tells people what is written there, and which of it this system
// wrote itself.
//
// # Whom to believe
//
// A header grows at its top. What a server of ours wrote stands above all that came to it: its
// Received field, right below that its Authentication-Results, and then fields of its own, whose
// names it takes away from what arrives (package intake). So that one run of fields is believed, where
// the topmost Received field is by a server of ours, and nothing else. Below it whoever sent the message
// may have invented every line, Received fields with our name too.
//
// Everything has a bound, whatever the header is: so many hops, results, claims and tests are told
// and no more, each text is cut, and Report.Cut says where there was more.
package trace
