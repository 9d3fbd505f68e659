package ops

import "time"

// A DNSList is what is known of one DNS list of the policies in force.
type DNSList struct {
	Zone    string    `json:"zone"`
	Kind    string    `json:"kind"`              // deny, allow, domain
	State   string    `json:"state"`             // believed; observed: its answers don't count
	Trouble string    `json:"trouble,omitempty"` // why it is only observed
	Since   time.Time `json:"since,omitzero"`    // of the trouble
	Checked time.Time `json:"checked,omitzero"`  // of the last probe of its test points that told something

	// What it answered about mail since the node was started.
	Asked  int64            `json:"asked"`
	Hits   int64            `json:"hits"`
	Misses int64            `json:"misses"`
	Errors map[string]int64 `json:"errors"`        // by cause
	P50    float64          `json:"p50,omitempty"` // seconds within which half of the answers came
	P95    float64          `json:"p95,omitempty"`

	LastError   string    `json:"last_error,omitempty"` // and what to do
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// DNSLists asks for the DNS lists of the policies in force, by kind and zone. Result:
// []DNSList.
type DNSLists struct {
	Zone  string `json:"zone,omitempty"`  // only this one, as often as there are kinds of it
	Probe bool   `json:"probe,omitempty"` // ask their test points first
}

// Op names the operation.
func (DNSLists) Op() string { return "dnsbl.list" }
