package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"gatepost/internal/app"
	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/test/machine"
)

// profiling has a machine served by this program, which writes a CPU profile to a file; that
// without filters goes to the file with ".bare" behind its name.
func profiling(file string, filters bool) func(*machine.Machine) error {
	if !filters {
		file += ".bare"
	}
	return func(m *machine.Machine) error {
		self, err := os.Executable()
		m.Wrap = []string{self, "-profile", file, "-serve"}
		return err
	}
}

// serveProfiled is gatepost serve, with the program's own arguments behind its name and
// subcommand, until SIGTERM.
func serveProfiled(file string, args []string) error {
	var path string
	sets := []string{}
	for i := 2; i+1 < len(args); i += 2 {
		switch args[i] {
		case "--data":
			sets = append(sets, "data="+args[i+1])
		case "--config":
			path = args[i+1]
		case "--set":
			sets = append(sets, args[i+1])
		default:
			return fmt.Errorf("flag %s", args[i])
		}
	}
	cfg, err := config.Load(path, sets, nil)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	a, err := control.Open(ctx, cfg.Data, func(ctx context.Context) (*app.App, error) { return app.New(ctx, cfg, log) })
	if err != nil {
		return err
	}
	return profiled(file, func() error { return errors.Join(a.Run(ctx), a.Close()) })
}
