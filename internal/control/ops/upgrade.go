package ops

import "time"

// Upgrade has the node start its program again, which takes over from it. The result is Upgraded;
// where the new process can't serve it is an error, and the old one serves on.
type Upgrade struct{}

// Op implements control.Request.
func (Upgrade) Op() string { return "upgrade" }

// Upgraded tells who serves now.
type Upgraded struct {
	Process int           `json:"process"`
	Version string        `json:"version"` // as the new program names itself
	Waited  time.Duration `json:"waited"`  // how long clients who came were kept waiting at most
}
