package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"
)

// A Handler does what a request asks. The result is written as JSON.
type Handler func(ctx context.Context, op string, params json.RawMessage) (any, error)

// A Server answers commands on the socket of a data directory that its process
// has Claimed.
type Server struct {
	Dir    string
	Handle Handler
	Log    *slog.Logger

	// Keepers get the whole connection of a request, by its operation, in the place of Handle. What
	// they don't keep they answer. ctx ends with the server.
	Keepers map[string]func(ctx context.Context, x *Exchange)

	most int // bytes of a request or response; 0 is maxFrame
}

// Bounds of a Server.
const (
	clients     = 16               // served at the same time; more wait
	readTime    = time.Minute      // for a request to come in
	writeTime   = time.Minute      // for a response to be taken
	requestTime = 30 * time.Minute // for the handler: a check of a large store
)

// Listen opens the socket: from its return on, commands find it.
func (s *Server) Listen() (*Listener, error) {
	l, err := listen(s.Dir)
	if err != nil {
		return nil, fmt.Errorf("control: listen in %s: %w", s.Dir, err)
	}
	s.most = cmp.Or(s.most, maxFrame)
	return &Listener{server: s, socket: l, slots: make(chan struct{}, clients)}, nil
}

// A Listener is an open socket.
type Listener struct {
	server *Server
	socket *net.UnixListener
	slots  chan struct{}
	wg     sync.WaitGroup
}

// Serve answers until ctx ends; then it removes the socket, cancels what is under
// way and waits for it.
func (l *Listener) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { l.close() })
	defer stop()
	defer l.wg.Wait()
	defer cancel()
	for {
		l.slots <- struct{}{}
		c, err := l.socket.AcceptUnix()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			l.close()
			return fmt.Errorf("control: accept: %w", err)
		}
		l.wg.Go(func() {
			defer func() { <-l.slots }()
			l.server.serve(ctx, c)
		})
	}
}

func (l *Listener) close() {
	os.Remove(filepath.Join(l.server.Dir, socketName)) // one left behind does no harm
	l.socket.Close()
}

// serve answers the one request of a connection.
func (s *Server) serve(ctx context.Context, c *net.UnixConn) {
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	c.SetReadDeadline(time.Now().Add(readTime))
	var req request
	if err := readFrame(c, &req, s.most); err != nil {
		writeFrame(c, response{Error: asError(Misused("not a request: %v", err))}, s.most) // if it still listens
		c.Close()
		return
	}
	c.SetReadDeadline(time.Time{})
	if keep := s.Keepers[req.Op]; keep != nil {
		stop()
		s.keep(ctx, keep, req.Op, &Exchange{req.Params, c, s.most})
		return
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		c.Read(make([]byte, 1)) // a client that waits says nothing: this ends when it hangs up
		cancel()
	}()
	answer := s.answer(WithPerson(ctx, peer(c)), req)
	c.SetWriteDeadline(time.Now().Add(writeTime))
	err := writeFrame(c, answer, s.most)
	if errors.Is(err, ErrTooLong) {
		err = writeFrame(c, response{Error: &Error{Failed, "the result is too long"}}, s.most)
	}
	if err != nil {
		s.Log.DebugContext(ctx, "control: client is gone", "op", req.Op, "error", err)
	}
	c.Close()
	<-gone
}

// keep gives the connection away.
func (s *Server) keep(ctx context.Context, keeper func(context.Context, *Exchange), op string, x *Exchange) {
	defer func() {
		if p := recover(); p != nil {
			x.Answer(nil, s.panicked(ctx, op, p))
		}
	}()
	keeper(ctx, x)
}

func (s *Server) panicked(ctx context.Context, op string, p any) *Error {
	s.Log.ErrorContext(ctx, "control: panic", "op", op, "panic", p, "stack", string(debug.Stack()))
	return &Error{Internal, "failed inside; see the log"}
}

// answer calls the handler; a panic in it is the command's trouble, not the node's.
func (s *Server) answer(ctx context.Context, req request) (r response) {
	defer func() {
		if p := recover(); p != nil {
			r = response{Error: s.panicked(ctx, req.Op, p)}
		}
	}()
	result, err := s.Handle(ctx, req.Op, req.Params)
	if err != nil {
		return response{Error: asError(err)}
	}
	raw, err := json.Marshal(result)
	if err != nil {
		return response{Error: asError(fmt.Errorf("control: result of %s: %w", req.Op, err))}
	}
	return response{Result: raw}
}
