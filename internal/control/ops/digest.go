package ops

import "time"

// QuarantineDigest asks what an address would be told of held messages now. Result:
// Digest. It fails where nobody is told there.
type QuarantineDigest struct {
	Address string `json:"address"`
	Send    bool   `json:"send,omitempty"` // tell it now; then it is not told again at the next hour
}

// A Digest is what is told in one mail.
type Digest struct {
	Address string    `json:"address"`
	New     int       `json:"new"`    // messages held since the last digest
	Ending  int       `json:"ending"` // told before, and soon removed
	Last    time.Time `json:"last"`   // when the last digest was; zero: never
	Text    string    `json:"text"`   // as the reader sees it, without links; "": there is nothing to tell
	Sent    bool      `json:"sent"`
}

// Op names the operation.
func (QuarantineDigest) Op() string { return "quarantine.digest" }
