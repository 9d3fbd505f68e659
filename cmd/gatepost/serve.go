package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/systemd"
)

func (p *program) serve() *cobra.Command {
	var takeover bool
	c := &cobra.Command{
		Use:   "serve [--takeover]",
		Short: "Run the node",
		Long: `Runs the node until it is told to stop.

SIGTERM or SIGINT (Ctrl-C) ends it gracefully: mail under way is taken or put off,
nothing is lost; a second one ends it at once, and still nothing is lost that was
accepted. SIGHUP reads the configuration again, as gatepost reload does, and logs what that
command prints; a configuration with mistakes is logged and left aside.

With --takeover it serves in the place of the process that serves the data directory, if one
does: it gets the open ports from it and waits until that one has ended what its clients are at.
Who connects meanwhile waits. Where it can't serve, the process before goes on. gatepost upgrade
does so by itself.`,
		Example: `  gatepost serve
  gatepost serve --data /var/lib/gatepost --set listen.smtp=0.0.0.0:25,[::]:25`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runNode(cmd.Context(), takeover) },
	}
	c.Flags().BoolVar(&takeover, "takeover", false, "take over from the process that serves")
	return c
}

func (p *program) runNode(ctx context.Context, takeover bool) error {
	cfg, err := p.loadChecked() // before anything is made in the data directory
	if err != nil {
		return err
	}
	log, level := p.logger(cfg)
	for _, w := range cfg.Warnings() {
		log.Warn(w)
	}
	supervisor, err := systemd.FromEnvironment()
	if err != nil {
		return err
	}
	ctx, stop := graceful(ctx)
	defer stop()
	t := &term{program: p, cfg: cfg, log: log, level: level, supervisor: supervisor}
	if err := t.activated(); err != nil {
		return err
	}
	if takeover {
		if err := t.approach(ctx); err != nil {
			return err
		}
	}
	return t.run(ctx)
}

// claim opens the node, once the commands that have the data directory open are
// done. One that another node serves is an error that says so.
func (p *program) claim(ctx context.Context, cfg *config.Config, log *slog.Logger) (machine, error) {
	m, err := control.Open(ctx, cfg.Data, func(ctx context.Context) (machine, error) { return p.node.open(ctx, cfg, log) })
	if errors.Is(err, control.ErrLocked) {
		return nil, fmt.Errorf("%w; a data directory has one owner: stop that one, or name another with --data", err)
	}
	return m, err
}

// loadChecked reads the configuration and checks what can be checked without a node.
func (p *program) loadChecked() (*config.Config, error) {
	cfg, err := p.load()
	if err == nil {
		err = p.node.check(cfg)
	}
	return cfg, err
}

// graceful returns a context that ends with the first SIGTERM or SIGINT; the
// second one ends the process.
func graceful(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from then on the signals do what they do by themselves
	return ctx, stop
}

// onHangup calls f for each SIGHUP, one after the other, until the function that
// it returns is called.
func onHangup(f func()) (end func()) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range hangup {
			f()
		}
	}()
	return func() {
		signal.Stop(hangup)
		close(hangup)
		<-done
	}
}
