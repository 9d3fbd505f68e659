package directory

import "time"

// A Host is a mail server of a customer or of ours that mail is handed to, or that
// users are sent to. Domains name those that they use.
type Host struct {
	ID       int64     `json:"id"`
	Name     string    `json:"name"`     // lower-case letters, digits, "-" and "."
	Address  string    `json:"address"`  // host:port; a name in A-labels or an IP address
	Roles    []Role    `json:"roles"`    // at least one
	Protocol Protocol  `json:"protocol"` // of smtp-in and smtp-out
	TLS      TLSPolicy `json:"tls"`
	Priority int       `json:"priority"` // the lowest is tried first; equal ones share the load
	User     string    `json:"user"`     // for AUTH, "" for none
	Password string    `json:"-"`
	Created  time.Time `json:"created"`
}

// A Role is what a Host is for.
type Role string

// Roles.
const (
	IMAP    Role = "imap"     // mailboxes are there
	SMTPIn  Role = "smtp-in"  // it takes mail for domains
	SMTPOut Role = "smtp-out" // it takes mail for the world: a smarthost
)

// A Protocol is how mail is handed to a Host.
type Protocol string

// Protocols.
const (
	SMTP Protocol = "smtp" // the default
	LMTP Protocol = "lmtp" // RFC 2033
)

// A TLSPolicy says what is asked of the connection to a Host.
type TLSPolicy string

// Policies.
const (
	TLSMay     TLSPolicy = "may"     // where it is offered, whatever the certificate; the default
	TLSNever   TLSPolicy = "never"   // in the clear
	TLSEncrypt TLSPolicy = "encrypt" // or no mail, whatever the certificate
	TLSVerify  TLSPolicy = "verify"  // with a certificate that a known authority gave that name
)
