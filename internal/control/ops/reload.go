package ops

// Reload has the node read its configuration again. The result is Reloaded; a configuration
// with mistakes is an error that names each, and changes nothing.
type Reload struct{}

// Op implements control.Request.
func (Reload) Op() string { return "reload" }

// Reloaded tells what a reload did, by the paths of settings such as "limits.errors".
type Reloaded struct {
	Changed      []string `json:"changed"`
	NeedsRestart []string `json:"needs_restart"` // stay as they were until the program is started again
}
