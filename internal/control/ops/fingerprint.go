package ops

import "time"

// FingerprintAdd marks a document as confidential. Result: Fingerprint.
type FingerprintAdd struct {
	Name    string `json:"name"`
	Domain  string `json:"domain,omitempty"` // whose mail it is looked for in; "": everybody's
	Content []byte `json:"content"`          // plain text, in UTF-8
}

// A Fingerprint is a document that is not to leave.
type Fingerprint struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Domain   string    `json:"domain"`
	Shingles int       `json:"runs,omitempty"` // that are kept of it; only where it was added
	Added    time.Time `json:"added"`
}

// FingerprintList asks for all documents. Result: []Fingerprint.
type FingerprintList struct{}

// FingerprintRemove forgets a document. Result: Nothing.
type FingerprintRemove struct {
	ID string `json:"id"`
}

// Op implements control.Request.
func (FingerprintAdd) Op() string { return "fingerprint.add" }

// Op implements control.Request.
func (FingerprintList) Op() string { return "fingerprint.list" }

// Op implements control.Request.
func (FingerprintRemove) Op() string { return "fingerprint.remove" }
