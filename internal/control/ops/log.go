package ops

// LogLevel sets from what level on the node logs, until its configuration is read again. "" leaves
// it. The result is LogLevels.
type LogLevel struct {
	Level string `json:"level,omitempty"` // debug, info, warn, error
}

// Op implements control.Request.
func (LogLevel) Op() string { return "log.level" }

// LogLevels tells the level in force, and the one before.
type LogLevels struct {
	Level string `json:"level"`
	Was   string `json:"was"`
}
