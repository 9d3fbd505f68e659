package ops

import "time"

// A Forward is an address whose mail is sent on to one elsewhere; it keeps nothing.
type Forward struct {
	Address string    `json:"address"`
	Target  string    `json:"target"`
	Created time.Time `json:"created"`
}

// ForwardAdd makes a forward. Result: Forward.
type ForwardAdd struct {
	Address string `json:"address"`
	Target  string `json:"target"`
}

// ForwardList asks for the forwards of a domain, or all, by address. Result: []Forward.
type ForwardList struct {
	Domain string `json:"domain,omitempty"`
	Page
}

// ForwardShow asks for one. Result: Forward.
type ForwardShow struct {
	Address string `json:"address"`
}

// ForwardSet replaces one's target. Result: Forward.
type ForwardSet struct {
	Address string `json:"address"`
	Target  string `json:"target"`
}

// ForwardRemove removes one. Result: Nothing.
type ForwardRemove struct {
	Address string `json:"address"`
}

// Op names the operation.
func (ForwardAdd) Op() string { return "forward.add" }

// Op names the operation.
func (ForwardList) Op() string { return "forward.list" }

// Op names the operation.
func (ForwardShow) Op() string { return "forward.show" }

// Op names the operation.
func (ForwardSet) Op() string { return "forward.set" }

// Op names the operation.
func (ForwardRemove) Op() string { return "forward.remove" }
