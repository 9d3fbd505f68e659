package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// TestLogLevel: the level changes at once, and the log has a line of each change; what is no level
// changes nothing.
func TestLogLevel(t *testing.T) {
	var log bytes.Buffer
	level := &slog.LevelVar{}
	a := &App{log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))}
	if _, err := a.logLevel(t.Context(), ops.LogLevel{}); control.KindOf(err) != control.Missing {
		t.Errorf("where nobody serves: %v", err)
	}
	a.LogsFrom(level)
	for _, c := range []struct {
		set, level, was string
		kind            control.Kind
		logs            bool // debug
	}{
		{"", "info", "info", "", false},
		{"debug", "debug", "info", "", true},
		{"loud", "", "", control.Misuse, true},
		{"INFO+2", "", "", control.Misuse, true},
		{"error", "error", "debug", "", false},
		{"error", "error", "error", "", false},
		{"warn", "warn", "error", "", false},
	} {
		log.Reset()
		got, err := a.logLevel(t.Context(), ops.LogLevel{Level: c.set})
		if err != nil && control.KindOf(err) != c.kind || got != (ops.LogLevels{Level: c.level, Was: c.was}) {
			t.Errorf("%q: got %+v, %v", c.set, got, err)
		}
		if told := strings.Contains(log.String(), "level="+c.set+" was="+c.was); told != (c.was != c.level) {
			t.Errorf("%q: the log has %q", c.set, log.String())
		}
		log.Reset()
		a.log.Debug("detail")
		if got := log.Len() > 0; got != c.logs {
			t.Errorf("after %q: debug is logged: %v", c.set, got)
		}
	}
}
