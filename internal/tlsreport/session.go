package tlsreport

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// A Type is a kind of policy (RFC 8460 §4.4).
type Type string

// The types.
const (
	TLSA Type = "tlsa"
	STS  Type = "sts"
	Free Type = "no-policy-found"
)

// A Result says why a session is not as its policy asks (RFC 8460 §4.3).
type Result string

// The results.
const (
	NoSTARTTLS        Result = "starttls-not-supported"
	HostMismatch      Result = "certificate-host-mismatch"
	Expired           Result = "certificate-expired"
	NotTrusted        Result = "certificate-not-trusted"
	ValidationFailure Result = "validation-failure" // anything else in TLS
	TLSAInvalid       Result = "tlsa-invalid"
	DNSSECInvalid     Result = "dnssec-invalid"
	PolicyFetchError  Result = "sts-policy-fetch-error"
	PolicyInvalid     Result = "sts-policy-invalid"
	PolicyWebInvalid  Result = "sts-webpki-invalid"
)

// A Policy is what was asked of sessions to a domain.
type Policy struct {
	Domain  string // the recipients'
	Type    Type
	Strings []string // TLSA records, or the lines of an MTA-STS policy
	MX      []string // patterns of an MTA-STS policy
}

// ID tells policies apart that one domain had on a day.
func (p Policy) ID() string {
	sum := sha256.Sum256([]byte(string(p.Type) + "\n" + strings.Join(p.Strings, "\n")))
	return hex.EncodeToString(sum[:16])
}

// A Failure is why a session was not as asked.
type Failure struct {
	Result    Result
	Sending   string // our address
	MX        string // the server's name
	Receiving string // its address
	Reason    string // in words
}

// A Session is one connection, or one that was not made since the policy forbade it.
type Session struct {
	Policy  *Policy
	Failure Failure // without a Result: there was none
}
