package ops

import "time"

// A DKIMKey is a key with which a domain's mail is signed.
type DKIMKey struct {
	Domain   string    `json:"domain"`
	Selector string    `json:"selector"`
	Kind     string    `json:"kind"`  // rsa, ed25519
	State    string    `json:"state"` // waiting, active, old, spent
	Made     time.Time `json:"made"`
	Since    time.Time `json:"since"`   // when the state began
	Problem  string    `json:"problem"` // what is wrong with its record; "": nothing
	Name     string    `json:"name"`    // of the record, with the dot at the end
	Record   string    `json:"record"`  // its text
	Data     string    `json:"data"`    // the same as a zone file has it: strings of at most 255 octets
}

// DKIMList asks for the keys of a domain, by selector. Result: []DKIMKey.
type DKIMList struct {
	Domain string `json:"domain"`
}

// DKIMCheck has the records of a domain's keys looked for now. Result: []DKIMKey.
type DKIMCheck struct {
	Domain string `json:"domain"`
}

// DKIMNew makes a key of each kind for a domain that has none of it. Result: []DKIMKey.
type DKIMNew struct {
	Domain string `json:"domain"`
}

// DKIMRotate makes new keys for a domain, which take over when their records are found. Result: []DKIMKey.
type DKIMRotate struct {
	Domain string `json:"domain"`
}

// DKIMDrop removes one key at once. Result: []DKIMKey, those that are left.
type DKIMDrop struct {
	Domain   string `json:"domain"`
	Selector string `json:"selector"`
}

// Op names the operation.
func (DKIMList) Op() string { return "dkim.list" }

// Op names the operation.
func (DKIMCheck) Op() string { return "dkim.check" }

// Op names the operation.
func (DKIMNew) Op() string { return "dkim.new" }

// Op names the operation.
func (DKIMRotate) Op() string { return "dkim.rotate" }

// Op names the operation.
func (DKIMDrop) Op() string { return "dkim.drop" }
