package ops

import "time"

// A Distribution is a list: an address whose mail goes to its members.
type Distribution struct {
	Address string    `json:"address"`
	Post    string    `json:"post"`  // who may post: all, domain, members
	Owner   string    `json:"owner"` // who gets the bounces
	Size    int       `json:"size"`  // how many members
	Created time.Time `json:"created"`
}

// A DistributionDetail is a list with all its members.
type DistributionDetail struct {
	Distribution
	Members []string `json:"members"`
}

// DistributionAdd makes a list. Result: Distribution.
type DistributionAdd struct {
	Address string   `json:"address"`
	Post    string   `json:"post,omitempty"` // "": all
	Owner   string   `json:"owner"`
	Members []string `json:"members"`
}

// DistributionList asks for the lists of a domain, or all, by address.
// Result: []Distribution.
type DistributionList struct {
	Domain string `json:"domain,omitempty"`
	Page
}

// DistributionShow asks for one. Result: DistributionDetail.
type DistributionShow struct {
	Address string `json:"address"`
}

// DistributionSet changes one. Result: Distribution.
type DistributionSet struct {
	Address string    `json:"address"`
	Post    *string   `json:"post,omitempty"`
	Owner   *string   `json:"owner,omitempty"`
	Members *[]string `json:"members,omitempty"` // instead of those that were there
	Add     []string  `json:"add,omitempty"`     // members to add
	Drop    []string  `json:"drop,omitempty"`    // members to take off
}

// DistributionRemove removes one. Result: Nothing.
type DistributionRemove struct {
	Address string `json:"address"`
}

// Op names the operation.
func (DistributionAdd) Op() string { return "distribution.add" }

// Op names the operation.
func (DistributionList) Op() string { return "distribution.list" }

// Op names the operation.
func (DistributionShow) Op() string { return "distribution.show" }

// Op names the operation.
func (DistributionSet) Op() string { return "distribution.set" }

// Op names the operation.
func (DistributionRemove) Op() string { return "distribution.remove" }
