package ops

import "time"

// A Pack is patterns and rules that come from a file or from the web.
type Pack struct {
	Name     string        `json:"name"`
	Source   string        `json:"source"`  // URL or path
	Current  int           `json:"current"` // number of the version in force; 0: none has come yet
	Looked   time.Time     `json:"looked,omitzero"`
	Next     time.Time     `json:"next,omitzero"` // when a new version is looked for
	Error    string        `json:"error"`         // of the last look; "": none
	Versions []PackVersion `json:"versions"`      // the newest first
}

// A PackVersion is one version of a pack that was good.
type PackVersion struct {
	Number     int       `json:"number"`
	Version    string    `json:"version"` // as its author calls it
	Title      string    `json:"title"`
	Came       time.Time `json:"came"`
	Patterns   int       `json:"patterns"`
	Rules      int       `json:"rules"`
	InForce    bool      `json:"in_force"`
	RolledBack bool      `json:"rolled_back"` // it is not taken again
}

// PackList asks for all packs, by name. Result: []Pack.
type PackList struct{}

// PackShow asks for one. Result: Pack.
type PackShow struct {
	Name string `json:"name"`
}

// PackRefresh looks for a new version now. Result: Pack.
type PackRefresh struct {
	Name string `json:"name"`
}

// PackRollback puts the version before the one in force back. Result: Pack.
type PackRollback struct {
	Name string `json:"name"`
}

// Op names the operation.
func (PackList) Op() string { return "pack.list" }

// Op names the operation.
func (PackShow) Op() string { return "pack.show" }

// Op names the operation.
func (PackRefresh) Op() string { return "pack.refresh" }

// Op names the operation.
func (PackRollback) Op() string { return "pack.rollback" }
