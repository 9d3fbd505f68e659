package filters

import "gatepost/internal/learnt"

// A Learnt knows what spam taught; *learnt.Memory is one.
type Learnt interface {
	// Spam returns what is known of a print; false where it does not count as spam.
	Spam(kind learnt.Kind, sum []byte) (learnt.Standing, bool)
	// NearPicture returns what is known of the picture whose hash differs least, by at most
	// distance of its 64 bits; false where there is none.
	NearPicture(hash uint64, distance int) (learnt.Standing, bool)
}
