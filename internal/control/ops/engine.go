package ops

import "time"

// An Engine is what is known of one address of an engine that looks at mail, such as clamd.
type Engine struct {
	Kind     string    `json:"kind"` // clamd, command, spamd, rspamd, milter
	Address  string    `json:"address"`
	State    string    `json:"state"`             // asked; trouble: it is not asked; trying: it answers again, and is tried
	Trouble  string    `json:"trouble,omitempty"` // why it is, or was, not asked
	Since    time.Time `json:"since,omitzero"`    // of the trouble
	Probed   time.Time `json:"probed,omitzero"`
	Version  string    `json:"version,omitempty"` // as it says
	Made     time.Time `json:"made,omitzero"`     // its virus signatures
	Old      bool      `json:"old,omitempty"`     // they are: older than two days
	Answers  int64     `json:"answers"`           // about mail, since the node was started
	Failures int64     `json:"failures"`
}

// Engines asks for the engines that policies in force name. Result: []Engine.
type Engines struct {
	Probe bool `json:"probe,omitempty"` // ask each whether it is well first
}

// Op names the operation.
func (Engines) Op() string { return "engine.list" }
