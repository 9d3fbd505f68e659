package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"

	"gatepost/internal/app"
	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
	"gatepost/internal/listen"
	"gatepost/internal/systemd"
)

// A term is the time for which this process serves: from when it gets the data directory, of
// another process or of nobody, until it ends or leaves its place to the next one.
type term struct {
	*program
	cfg        *config.Config // that is in force
	log        *slog.Logger
	level      *slog.LevelVar
	supervisor systemd.Supervisor
	left       *listen.Left         // sockets that are open
	before     *control.Predecessor // who waits to hear that this process serves; nil: nobody
	alive      atomic.Pointer[func(context.Context) error]
	serves     func() // is called when clients are answered
}

// activated takes the sockets that the supervisor has opened.
func (t *term) activated() error {
	given, err := systemd.Sockets()
	if err != nil {
		return err
	}
	var list []*listen.Socket
	for _, g := range given {
		s, err := listen.NewSocket(g.Name, g.File)
		if err != nil {
			t.log.Warn("a socket of the supervisor is of no use", "error", err)
			g.File.Close()
			continue
		}
		list = append(list, s)
	}
	t.left = listen.NewLeft(list)
	return nil
}

// isAlive reports whether the node answers, as far as there is one at the moment: what is done
// without one (a hand-over) has limits of its own.
func (t *term) isAlive(ctx context.Context) error {
	if f := t.alive.Load(); f != nil {
		return (*f)(ctx)
	}
	return nil
}

// run serves, and once more where the process that was to take over can't.
func (t *term) run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer t.watched()()
	for {
		next, err := t.serve(ctx, end)
		if next == nil {
			return err
		}
		if err != nil {
			t.log.Error("upgrade: this process did not end well", "error", err)
		}
		if again, err := t.handOver(ctx, next); !again {
			return err
		}
	}
}

// watched tells the supervisor, from when this process serves for the first time, that it is alive.
// The function it returns ends that.
func (t *term) watched() (end func()) {
	ctx, cancel := context.WithCancel(context.Background()) // also while the node stops
	var watch sync.WaitGroup
	t.serves = sync.OnceFunc(func() {
		watch.Go(func() { t.supervisor.Watch(ctx, t.isAlive, t.log) })
	})
	return func() {
		cancel()
		watch.Wait()
	}
}

// serve runs a node until it ends, or another process is to take over. end is told where the
// process before was told to stop.
func (t *term) serve(ctx context.Context, end context.CancelFunc) (*app.Successor, error) {
	m, err := t.claim(ctx, t.cfg, t.log)
	if err != nil {
		return nil, t.failed(err)
	}
	m.SupervisedBy(t.supervisor)
	m.ReloadFrom(t.loadChecked, func(c *config.Config) {
		setLevel(t.level, c)
		t.cfg = c
	})
	m.LogsFrom(t.level)
	m.HandsOver(app.Handover{Left: t.left, Start: t.again, Ready: func() {
		if t.before != nil && errors.Is(t.before.Serving(ctx), control.ErrStopped) {
			end()
		}
		t.before = nil
		t.serves()
	}})
	alive := m.Alive
	t.alive.Store(&alive)
	over := onHangup(func() { m.Handle(ctx, ops.Reload{}.Op(), nil) }) // which logs what comes of it
	err = m.Run(ctx)
	over()
	t.alive.Store(nil)
	if closed := m.Close(); err == nil {
		err = closed
	}
	return m.Successor(), t.failed(err)
}

// failed tells who served before that this process does not.
func (t *term) failed(err error) error {
	if err != nil && t.before != nil {
		t.before.Failed(err)
		t.before = nil
	}
	return err
}

// approach takes the place of the process that serves the data directory. Until all that can be
// tried beforehand is well, that one serves on.
func (t *term) approach(ctx context.Context) error {
	before, err := control.Approach(ctx, t.cfg.Data, control.TakeOver{Version: thisBuild().Version})
	if errors.Is(err, control.ErrNotRunning) {
		t.log.Info("there is nobody to take over from", "data", t.cfg.Data)
		return nil
	}
	if err != nil {
		return err
	}
	t.before = before
	if t.left, err = inherit(before.Sockets); err != nil {
		return t.failed(err)
	}
	for _, p := range t.cfg.Listen.Protocols() {
		for _, address := range config.Addresses(p.Listeners) {
			if err := canListen(t.left, address); err != nil {
				return t.failed(fmt.Errorf("listen.%s: %w", p.Name, err))
			}
		}
	}
	t.log.Info("upgrade: taking over", "process", before.PID)
	if err := before.Take(ctx, t.log); err != nil {
		t.before = nil
		return err
	}
	return nil
}

// canListen tries an address for which no socket is there.
func canListen(left *listen.Left, address string) error {
	if left.Has(address) {
		return nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return l.Close()
}

func inherit(sockets []control.Socket) (*listen.Left, error) {
	var list []*listen.Socket
	for _, s := range sockets {
		known, err := listen.NewSocket(s.Name, s.File)
		if err != nil {
			return nil, err
		}
		list = append(list, known)
	}
	return listen.NewLeft(list), nil
}

// handOver leaves the place to the next process; again: that one can't serve, so this one must.
func (t *term) handOver(ctx context.Context, next *app.Successor) (again bool, err error) {
	err = ctx.Err()
	if err == nil {
		err = next.Free(ctx)
	}
	switch {
	case ctx.Err() != nil:
		next.Stop()
		next.Tell(errors.New("the node was told to stop"))
		return false, nil
	case err == nil:
		if err := t.supervisor.MainPID(next.PID); err != nil {
			t.log.Warn("the supervisor is not told who serves", "error", err)
		}
		next.Done()
		u := next.Tell(nil)
		t.log.Info("upgrade: another process serves", "process", u.Process, "version", u.Version, "waited", u.Waited)
		return false, nil
	}
	err = fmt.Errorf("the process before serves again: %w", err)
	t.log.Error("upgrade: this process serves again", "error", err)
	next.Tell(err)
	t.left, err = inherit(next.Sockets)
	return err == nil, err
}

// again starts the program once more, to take over from this process.
func (t *term) again() (*app.Child, error) {
	args := t.args
	if !slices.Contains(args, "--takeover") {
		args = append(slices.Clone(args), "--takeover")
	}
	cmd := exec.Command(t.self, args...)
	cmd.Env = append(os.Environ(), t.supervisor.Environment()...)
	cmd.Stdout, cmd.Stderr = t.out, t.errs
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { // it ends with the child, or this process
		cmd.Wait()
		ended <- errors.New(cmd.ProcessState.String())
	}()
	return &app.Child{PID: cmd.Process.Pid, Ended: ended, Kill: func() { cmd.Process.Kill() }}, nil
}
