package main

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"
	_ "time/tzdata" // domains name time zones, whatever the machine has installed

	"gatepost/internal/app"
	"gatepost/internal/config"
)

func main() {
	p := program{
		self: self(), in: os.Stdin, out: os.Stdout, errs: os.Stderr, env: os.Environ(), now: time.Now, zone: time.Local,
		node: node{
			open: func(ctx context.Context, cfg *config.Config, log *slog.Logger) (machine, error) {
				return app.New(ctx, cfg, log)
			},
			check: app.Check, try: app.Try, catalog: app.Catalog, demo: app.Demo, restore: app.Restore,
		},
	}
	os.Exit(p.run(context.Background(), os.Args[1:]))
}

// self is where the program was found when it was started. Where that is a link, what it leads to
// may be another release by now.
func self() string {
	path, err := exec.LookPath(os.Args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return os.Args[0]
	}
	return path
}
