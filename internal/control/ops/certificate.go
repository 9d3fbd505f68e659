package ops

import "time"

// A Certificate is one that this system shows, or a name that is to get one.
type Certificate struct {
	Names   []string   `json:"names"`
	From    string     `json:"from"` // the file that it is in, acme, or self-signed
	Own     bool       `json:"own"`  // who asks for no name that there is gets it
	Issuer  string     `json:"issuer"`
	Since   *time.Time `json:"since,omitempty"`
	Until   *time.Time `json:"until,omitempty"`   // nil: there is none yet
	Renewal *time.Time `json:"renewal,omitempty"` // when the authority is asked next
	TLSA    []string   `json:"tlsa"`              // data of records that name its key, and the one that takes its place
	Problem string     `json:"problem,omitempty"` // what is wrong, and what to do
}

// CertificateList asks for all that this node shows. Result: []Certificate.
type CertificateList struct{}

// CertificateShow asks for those of a name. Result: []Certificate.
type CertificateShow struct {
	Name string `json:"name"`
}

// CertificateRenew has the certificate of a name ordered now. Result: []Certificate.
type CertificateRenew struct {
	Name string `json:"name"`
}

// CertificateRekey makes a new key for a name, which is taken when its certificate is next renewed, three days from
// now at the earliest. Result: []Certificate.
type CertificateRekey struct {
	Name string `json:"name"`
	Now  bool   `json:"now,omitempty"` // it is taken at once: the old one is known to somebody
}

// Op names the operation.
func (CertificateList) Op() string { return "certificate.list" }

// Op names the operation.
func (CertificateShow) Op() string { return "certificate.show" }

// Op names the operation.
func (CertificateRenew) Op() string { return "certificate.renew" }

// Op names the operation.
func (CertificateRekey) Op() string { return "certificate.rekey" }
