package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"gatepost/internal/config"
	"gatepost/internal/control"
)

// do has the request done by the node of the configured data directory.
func (p *program) do(ctx context.Context, r control.Request, result any) error {
	cfg, err := p.load()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	return control.Do(ctx, cfg.Data, func(ctx context.Context) (control.Machine, error) {
		return p.node.open(ctx, cfg, p.quiet())
	}, r, result)
}

// quiet is the logger of commands: their result is what they print.
func (p *program) quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(p.errs, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// logger is the logger of a serving node. The level can be changed.
func (p *program) logger(cfg *config.Config) (*slog.Logger, *slog.LevelVar) {
	level := &slog.LevelVar{}
	setLevel(level, cfg)
	options := &slog.HandlerOptions{Level: level}
	if cfg.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(p.out, options)), level
	}
	return slog.New(slog.NewTextHandler(p.out, options)), level
}

func setLevel(level *slog.LevelVar, cfg *config.Config) {
	if err := level.UnmarshalText([]byte(cfg.Log.Level)); err != nil {
		level.Set(slog.LevelInfo) // config let no other word through
	}
}
