// Package bulk knows mail that comes to many by what it says.
//
// A message is brought to a normal form (Normalise): the subject and the text that a reader
// sees, in one case and look, without what senders change from copy to copy: numbers,
// addresses, links, the recipient's name, quoted text. Of that a Fingerprint is made: a checksum of
// 160 bits, by which exact copies are known, and a sketch (package sketch), by which those are
// that differ in some words. What has too few words has neither.
//
// A Window counts, for each fingerprint of the last ten minutes, to how many unrelated
// recipients it came. Related are recipients of one organisation: a note to all of a firm
// comes to one. It has a fixed size, and tells other nodes by rows what comes to several.
//
// Some texts come from many and mean nothing: what a provider of shops or documents
// writes around each note. A Window counts the domains that a fingerprint was
// signed for by its author, too, and from a number on it stops to speak of that
// fingerprint at all (Seen.Stopped).
//
//	f := bulk.Of(message, rules.Fold)
//	seen := window.Look(f, organisations, now)   // Check: changes nothing
//	window.Add(f, organisation, signer, now)     // Record
//
// What follows from it is the business of the filter that asks.
package bulk
