package main

import (
	"context"
	"log/slog"
	"os"
	"time"
	_ "time/tzdata" // domains name time zones, whatever the machine has installed

	"gatepost/internal/app"
	"gatepost/internal/config"
)

func main() {
	p := program{
		in: os.Stdin, out: os.Stdout, errs: os.Stderr, env: os.Environ(), now: time.Now, zone: time.Local,
		node: node{
			open: func(ctx context.Context, cfg *config.Config, log *slog.Logger) (machine, error) {
				return app.New(ctx, cfg, log)
			},
			check: app.Check, try: app.Try, catalog: app.Catalog, demo: app.Demo, restore: app.Restore,
		},
	}
	os.Exit(p.run(context.Background(), os.Args[1:]))
}
