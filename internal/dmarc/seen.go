package dmarc

import (
	"net/netip"
	"time"
)

// A Seen is one message in a domain's name, as a report tells it (RFC 9990 §3.1).
type Seen struct {
	Time         time.Time
	Source       netip.Addr // the client
	Verdict      Verdict
	Disposition  Disposition // what was done
	Reason       string      // why that is not what the domain asks for: a word of RFC 9990 §3.1.6; "": it is
	Comment      string      // on the reason
	EnvelopeFrom string      // the reverse-path's domain, "" of a null one
	DKIM         []DKIMResult
	SPF          SPFResult
}

// A DKIMResult is one signature.
type DKIMResult struct {
	Domain   string `json:"d"`
	Selector string `json:"s"`
	Result   string `json:"r"`           // a word of RFC 8601 §2.7.1
	Human    string `json:"h,omitempty"` // why
}

// An SPFResult is what SPF said.
type SPFResult struct {
	Domain string `json:"d"`
	Scope  string `json:"o,omitempty"` // "helo" where it was asked about that name; else the reverse-path's
	Result string `json:"r"`           // a word of RFC 8601 §2.7.2
}
