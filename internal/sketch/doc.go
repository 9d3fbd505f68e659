// Package sketch tells texts that are nearly the same by 65 octets of each, without
// keeping the texts.
//
// A text is cut into shingles, runs of a few words each (Shingles). How alike two texts are
// is the share of their shingles that both have (Broder, "On the resemblance and
// containment of documents", 1997). A Sketch holds for each of 32 places the shingle of the text that comes first
// there, in an order of the place's own; two texts agree in each place with
// just that probability. Two texts that agree in Near places are the same but for what
// senders change to look different to each receiver.
//
// An Index finds, among very many sketches, one that is near to another: places are taken
// in 16 pairs, and two sketches that agree in 17 of 32 places agree in both places of
// some pair. So no more is compared than what has a pair in common.
//
// The package knows nothing of mail: what of a message is text is for its callers.
package sketch
