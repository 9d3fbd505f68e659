package app

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// LogsFrom says where the level is kept from which on the node logs. It is called before Run.
func (a *App) LogsFrom(level *slog.LevelVar) { a.level = level }

// logLevels are the words for levels, as log.level has them.
var logLevels = []string{"debug", "info", "warn", "error"}

// logLevel changes how much is logged, at once and for the time being: a reload, and a start, take
// log.level of the configuration.
func (a *App) logLevel(ctx context.Context, r ops.LogLevel) (ops.LogLevels, error) {
	if a.level == nil {
		return ops.LogLevels{}, control.NotFound("nobody serves the data directory: log.level is read when gatepost serve starts")
	}
	if r.Level != "" && !slices.Contains(logLevels, r.Level) {
		return ops.LogLevels{}, control.Misused("%q is no level; there are %s", r.Level, strings.Join(logLevels, ", "))
	}
	was := strings.ToLower(a.level.Level().String())
	if r.Level == "" || r.Level == was {
		return ops.LogLevels{Level: was, Was: was}, nil
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(r.Level)); err != nil {
		return ops.LogLevels{}, err
	}
	tell := func() {
		a.log.Warn("the log's level is changed until the configuration is read again", "level", r.Level, "was", was, "by", control.Person(ctx))
	}
	if level > a.level.Level() {
		tell() // while it is still logged
		a.level.Set(level)
	} else {
		a.level.Set(level)
		tell()
	}
	return ops.LogLevels{Level: r.Level, Was: was}, nil
}
