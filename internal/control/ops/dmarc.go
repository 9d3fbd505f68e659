package ops

import "time"

// A DMARCSum is what one reporter saw of a domain.
type DMARCSum struct {
	Domain   string  `json:"domain"`
	Reporter string  `json:"reporter"`          // the domain that is proven to have reported; the node's own name: what came here
	Own      bool    `json:"own"`               // Reporter is this node
	Network  string  `json:"network,omitempty"` // of the senders, in DMARCShow; "others": all that have none of their own
	Messages int64   `json:"messages"`
	Passed   int64   `json:"passed"` // SPF or DKIM was aligned
	Share    float64 `json:"share"`  // Passed of Messages, 0 to 1
	DKIM     int64   `json:"dkim"`   // aligned
	SPF      int64   `json:"spf"`    // aligned
	Acted    int64   `json:"acted"`  // quarantined or rejected
}

// A DMARCReport is a report that somebody sent. What it says is his word.
type DMARCReport struct {
	Time         time.Time `json:"time"` // when it came
	Tx           string    `json:"tx"`   // the transaction that brought it
	Reporter     string    `json:"reporter"`
	Proof        string    `json:"proof"`
	Organization string    `json:"organization"` // what he calls himself
	ID           string    `json:"id"`
	Begin        time.Time `json:"begin"`
	End          time.Time `json:"end"`
	Policy       string    `json:"policy"`
	Version      string    `json:"version"` // rfc9990, rfc7489
	Cut          bool      `json:"cut"`     // there was more than was read
	Messages     int64     `json:"messages"`
	Passed       int64     `json:"passed"`
}

// DMARCList asks for the sums of each domain, by domain and reporter. Result: []DMARCSum.
type DMARCList struct {
	Since time.Time `json:"since,omitzero"` // to the day; zero: all that is kept
}

// DMARCShow asks for what is known of a domain. Result: DMARCDetail.
type DMARCShow struct {
	Domain string    `json:"domain"`
	Since  time.Time `json:"since,omitzero"` // to the day; zero: all that is kept
	Limit  int       `json:"limit,omitempty"`
}

// A DMARCDetail is where mail in a domain's name came from, and who reported.
type DMARCDetail struct {
	Sources []DMARCSum    `json:"sources"` // those of most messages first
	Reports []DMARCReport `json:"reports"` // the newest first, 50 at most
}

// Op names the operation.
func (DMARCList) Op() string { return "dmarc.list" }

// Op names the operation.
func (DMARCShow) Op() string { return "dmarc.show" }
