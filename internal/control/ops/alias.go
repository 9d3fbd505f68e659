package ops

import "time"

// An Alias is an address whose mail goes to others; it keeps nothing.
type Alias struct {
	Address string    `json:"address"`
	Targets []string  `json:"targets"`
	Created time.Time `json:"created"`
}

// AliasAdd makes an alias. Result: Alias.
type AliasAdd struct {
	Address string   `json:"address"`
	Targets []string `json:"targets"`
}

// AliasList asks for the aliases of a domain, or all, by address. Result: []Alias.
type AliasList struct {
	Domain string `json:"domain,omitempty"`
	Page
}

// AliasShow asks for one. Result: Alias.
type AliasShow struct {
	Address string `json:"address"`
}

// AliasSet replaces one's targets. Result: Alias.
type AliasSet struct {
	Address string   `json:"address"`
	Targets []string `json:"targets"`
}

// AliasRemove removes one. Result: Nothing.
type AliasRemove struct {
	Address string `json:"address"`
}

// Op names the operation.
func (AliasAdd) Op() string { return "alias.add" }

// Op names the operation.
func (AliasList) Op() string { return "alias.list" }

// Op names the operation.
func (AliasShow) Op() string { return "alias.show" }

// Op names the operation.
func (AliasSet) Op() string { return "alias.set" }

// Op names the operation.
func (AliasRemove) Op() string { return "alias.remove" }
