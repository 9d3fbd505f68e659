package ops

import "time"

// An AppPassword is a password that one program of a mailbox's owner uses.
type AppPassword struct {
	Name     string    `json:"name"`
	Password string    `json:"password,omitempty"` // only when it was made: nobody can read it later
	Created  time.Time `json:"created"`
	Used     time.Time `json:"used,omitzero"` // last, some seconds late; left out where it never was
}

// AppPasswordAdd makes one. Result: AppPassword.
type AppPasswordAdd struct {
	Address string `json:"address"`
	Name    string `json:"name"`
}

// AppPasswordList asks for those of a mailbox, the oldest first. Result: []AppPassword.
type AppPasswordList struct {
	Address string `json:"address"`
}

// AppPasswordRemove takes one away. Result: Nothing.
type AppPasswordRemove struct {
	Address string `json:"address"`
	Name    string `json:"name"`
}

// Op names the operation.
func (AppPasswordAdd) Op() string { return "app-password.add" }

// Op names the operation.
func (AppPasswordList) Op() string { return "app-password.list" }

// Op names the operation.
func (AppPasswordRemove) Op() string { return "app-password.remove" }
