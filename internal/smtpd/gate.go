package smtpd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	smtp "github.com/emersion/go-smtp"
)

// Serve answers on l until ctx ends; then it takes no new connection, tells
// idle ones to come back later (421; see Config.Breath), lets transactions whose content is on its
// way finish for Config.DrainTime, and returns when all are gone. It closes l.
// The error is nil after ctx ended.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	g := s.newGate(ctx, l.Addr())
	unblock := context.AfterFunc(ctx, func() { l.Close() })
	defer unblock()
	err := g.accept(ctx, l)
	l.Close()
	g.drain()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("smtpd: accept on %s: %w", l.Addr(), err)
}

// A gate is a Server at work on one listener: it owns the connections.
type gate struct {
	*Server
	ctx     context.Context // of all connections; outlives Serve's by DrainTime at most
	cancel  context.CancelFunc
	library *smtp.Server
	door    *inlet // the way into the library
	stopped chan struct{}

	wg       sync.WaitGroup
	mu       sync.Mutex
	open     map[*connection]struct{}
	draining bool
	breath   time.Duration // of those that are drained
}

func (s *Server) newGate(ctx context.Context, addr net.Addr) *gate {
	g := &gate{
		Server:  s,
		door:    &inlet{guards: make(chan net.Conn), closed: make(chan struct{}), addr: addr},
		stopped: make(chan struct{}),
		open:    make(map[*connection]struct{}),
	}
	g.ctx, g.cancel = context.WithCancel(context.WithoutCancel(ctx))
	g.library = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return c.Conn().(*guard).session, nil
	}))
	// What the library would limit, the guard limits; what it would offer or
	// forbid depending on TLS, which it does not see, the session decides.
	g.library.MaxLineLength = 0
	g.library.AllowInsecureAuth = true
	g.library.EnableDSN = true
	g.library.ErrorLog = panics{s.cfg.Log}
	go func() {
		defer close(g.stopped)
		g.library.Serve(g.door)
	}()
	return g
}

// accept takes connections until the listener fails for good.
func (g *gate) accept(ctx context.Context, l net.Listener) error {
	delay := time.Duration(0)
	for {
		raw, err := l.Accept()
		if err == nil {
			delay = 0
			g.admit(raw)
			continue
		}
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return err
		}
		// Out of file descriptors, most likely: others will close theirs.
		delay = min(max(2*delay, 5*time.Millisecond), time.Second)
		g.cfg.Log.Warn("accept failed", "listener", l.Addr().String(), "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(delay):
		}
	}
}

// admit starts a connection's goroutine, if there is room for one.
func (g *gate) admit(raw net.Conn) {
	if !g.cfg.Limits.enter() {
		g.cfg.Observer.Connection("full")
		if !g.cfg.ImplicitTLS {
			raw.SetWriteDeadline(time.Now().Add(time.Second)) // never waits: nothing was written before
			raw.Write(tooMany.append(nil))
		}
		raw.Close()
		return
	}
	c := g.newConnection(raw)
	g.mu.Lock()
	g.open[c] = struct{}{}
	if g.draining {
		c.drain(g.breath)
	}
	g.mu.Unlock()
	g.wg.Add(1)
	go func() {
		defer g.wg.Done()
		defer g.forget(c)
		c.serve()
	}()
}

func (g *gate) forget(c *connection) {
	g.mu.Lock()
	delete(g.open, c)
	g.mu.Unlock()
	g.cfg.Limits.leave()
}

// lastWord is how long a client that is out of patience has to take its 421.
const lastWord = time.Second

// drain ends all connections, in time.
func (g *gate) drain() {
	defer g.cancel()
	g.mu.Lock()
	g.breath = g.cfg.Breath()
	g.mu.Unlock()
	g.each(func(c *connection) { c.drain(g.breath) })
	late := time.AfterFunc(g.cfg.DrainTime, func() { g.each(func(c *connection) { c.expel() }) })
	defer late.Stop()
	last := time.AfterFunc(g.cfg.DrainTime+lastWord, func() {
		g.cancel()
		g.each(func(c *connection) { c.raw.Close() })
	})
	defer last.Stop()
	g.wg.Wait()
	g.door.Close()
	<-g.stopped
	g.library.Shutdown(g.ctx) // waits for the library's goroutines, which have nothing left to do
}

func (g *gate) each(f func(*connection)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.draining = true
	for c := range g.open {
		f(c)
	}
}

// An inlet is the listener that the library accepts guards from.
type inlet struct {
	guards chan net.Conn
	closed chan struct{}
	once   sync.Once
	addr   net.Addr
}

func (d *inlet) Accept() (net.Conn, error) {
	select {
	case c := <-d.guards:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

func (d *inlet) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

func (d *inlet) Addr() net.Addr { return d.addr }

// panics takes what the library logs: panics below the session, with their stack.
type panics struct{ log *slog.Logger }

func (p panics) Printf(format string, v ...any) {
	p.log.Error("smtp library", "message", fmt.Sprintf(format, v...))
}

func (p panics) Println(v ...any) { p.log.Error("smtp library", "message", fmt.Sprintln(v...)) }
