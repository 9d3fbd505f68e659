package ops

import "time"

// An Admin is somebody who looks after the node or some of its domains.
type Admin struct {
	Name     string    `json:"name"`
	Role     string    `json:"role"`    // operator, admin, helpdesk, reader
	Domains  []string  `json:"domains"` // none of an operator, who has all
	Rights   []string  `json:"rights"`  // of what the role may, what was chosen; none: all of it
	Language string    `json:"language"`
	State    string    `json:"state"` // active, suspended
	Created  time.Time `json:"created"`

	Warnings []string `json:"warnings,omitempty"` // of a password that was set
}

// AdminAdd makes an admin. Result: Admin.
type AdminAdd struct {
	Name     string   `json:"name"`
	Password string   `json:"password"`
	Role     string   `json:"role"`
	Domains  []string `json:"domains,omitempty"`
	Rights   []string `json:"rights,omitempty"` // names of what admins, helpdesk and readers do; none: all that the role may
	Language string   `json:"language,omitempty"`
}

// AdminList asks for the admins, by name. Result: []Admin.
type AdminList struct {
	Domain string `json:"domain,omitempty"` // only those who look after this one
	Page
}

// AdminShow asks for one. Result: Admin.
type AdminShow struct {
	Name string `json:"name"`
}

// AdminSet changes one. Result: Admin.
type AdminSet struct {
	Name     string    `json:"name"`
	Password *string   `json:"password,omitempty"`
	Role     *string   `json:"role,omitempty"`
	Domains  *[]string `json:"domains,omitempty"` // stand instead of those that were there
	Rights   *[]string `json:"rights,omitempty"`  // too; none: all that the role may
	Language *string   `json:"language,omitempty"`
	State    *string   `json:"state,omitempty"`
}

// AdminRemove removes one, but for the last operator. Result: Nothing.
type AdminRemove struct {
	Name string `json:"name"`
}

// Op names the operation.
func (AdminAdd) Op() string { return "admin.add" }

// Op names the operation.
func (AdminList) Op() string { return "admin.list" }

// Op names the operation.
func (AdminShow) Op() string { return "admin.show" }

// Op names the operation.
func (AdminSet) Op() string { return "admin.set" }

// Op names the operation.
func (AdminRemove) Op() string { return "admin.remove" }
