package ops

import "time"

// A Script is one Sieve script of a mailbox.
type Script struct {
	Name     string    `json:"name"`
	Active   bool      `json:"active"` // it decides about new mail
	Changed  time.Time `json:"changed"`
	Content  string    `json:"content,omitempty"`  // not in lists
	Warnings []string  `json:"warnings,omitempty"` // of one that was put
}

// SieveList asks for the scripts of a mailbox, by name. Result: []Script.
type SieveList struct {
	Address string `json:"address"`
}

// SieveShow asks for one with its content; "" is the active one. Result: Script.
type SieveShow struct {
	Address string `json:"address"`
	Name    string `json:"name,omitempty"`
}

// SievePut makes a script, or changes its content. Result: Script.
type SievePut struct {
	Address  string `json:"address"`
	Name     string `json:"name"`
	Content  string `json:"content"`
	Activate bool   `json:"activate,omitempty"`
}

// SieveCheck asks whether a script could run; it is not kept. Result: Nothing.
type SieveCheck struct {
	Content string `json:"content"`
}

// SieveActivate has one decide about new mail; "" is none. Result: Nothing.
type SieveActivate struct {
	Address string `json:"address"`
	Name    string `json:"name"`
}

// SieveDelete removes one that is not active. Result: Nothing.
type SieveDelete struct {
	Address string `json:"address"`
	Name    string `json:"name"`
}

// Op names the operation.
func (SieveList) Op() string { return "sieve.list" }

// Op names the operation.
func (SieveShow) Op() string { return "sieve.show" }

// Op names the operation.
func (SievePut) Op() string { return "sieve.put" }

// Op names the operation.
func (SieveCheck) Op() string { return "sieve.check" }

// Op names the operation.
func (SieveActivate) Op() string { return "sieve.activate" }

// Op names the operation.
func (SieveDelete) Op() string { return "sieve.delete" }
