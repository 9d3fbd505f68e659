// Package listen owns the node's listening sockets, which outlive what serves them. A
// Board has all of them. Points say what is to be served where; putting others in force
// opens and closes no more sockets than it must, and no connection: who is connected stays
// with the server that took him, while new clients come to the new one.
//
// It knows no protocol. A server is a function that serves a net.Listener.
package listen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
)

// A Point is one address to listen at.
type Point struct {
	Protocol string         // "smtp"; names the socket for others, and in the log
	Address  string         // host:port
	Networks []netip.Prefix // from which clients are let in; none: from all
	// Serve answers what comes through l until ctx ends. Then it ends its connections, in a
	// time of its own, and returns nil. It closes l.
	Serve func(ctx context.Context, l net.Listener) error
}

// key is by what a point's socket is known again: of port 0 there may be several.
type key struct {
	protocol, address string
	n                 int
}

// A Board is the listening sockets of a node. One process has one.
type Board struct {
	log     *slog.Logger
	refused func(protocol string) // counts who comes from elsewhere than Point.Networks

	mu      sync.Mutex
	left    *Left // sockets that need not be opened
	sockets map[key]*socket
	running *run // nil: nobody serves
}

// A run is one call of Run.
type run struct {
	ctx     context.Context // of all servers; ends when nobody is accepted any more
	accepts sync.WaitGroup
	servers sync.WaitGroup
	fail    context.CancelCauseFunc
}

// NewBoard returns a Board without sockets.
func NewBoard(log *slog.Logger) *Board {
	return &Board{log: log, refused: func(string) {}, sockets: map[key]*socket{}}
}

// Count has f called for each client that is sent away by its network; it must not wait.
func (b *Board) Count(f func(protocol string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused = f
}

// Inherit has Prepare take sockets from left instead of opening others at their addresses.
func (b *Board) Inherit(left *Left) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = left
}

// Share returns all sockets that are in force, for another process: they go on listening when
// Run has ended, until the last of their owners has closed them. The caller closes them.
func (b *Board) Share() (list []*Socket, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, s := range b.sockets {
		shared, err := Share(k.protocol, s.listener)
		if err != nil {
			NewLeft(list).Rest()
			return nil, err
		}
		list = append(list, shared)
	}
	return list, nil
}

// Share returns a socket of this process for another one.
func Share(name string, c interface{ File() (*os.File, error) }) (*Socket, error) {
	f, err := c.File()
	if err != nil {
		return nil, fmt.Errorf("listen: share %s: %w", name, err)
	}
	s, err := NewSocket(name, f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// A Change is points that are about to be in force: their sockets are open. It ends with
// one of Apply and Cancel; until then there is no other.
type Change struct {
	board  *Board
	points map[key]Point
	opened map[key]*socket
}

// Prepare opens the sockets for points that are not there yet, all of them or none.
func (b *Board) Prepare(points []Point) (*Change, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := &Change{board: b, points: map[key]Point{}, opened: map[key]*socket{}}
	for _, p := range points {
		k := key{protocol: p.Protocol, address: p.Address}
		for c.has(k) {
			k.n++
		}
		c.points[k] = p
		if b.sockets[k] != nil {
			continue
		}
		s, err := c.open(k)
		if err != nil {
			c.cancel()
			return nil, fmt.Errorf("listen.%s: %w%s", p.Protocol, err, b.inTheWay(p.Address))
		}
		c.opened[k] = s
	}
	return c, nil
}

func (c *Change) has(k key) bool {
	_, ok := c.points[k]
	return ok
}

// open makes a socket, or takes the one that was left for it.
func (c *Change) open(k key) (*socket, error) {
	l, err := c.board.left.TCP(k.address)
	if err != nil {
		return nil, err
	}
	if l == nil {
		fresh, err := net.Listen("tcp", k.address)
		if err != nil {
			return nil, err
		}
		l = fresh.(*net.TCPListener)
	}
	return newSocket(c.board, k, l), nil
}

// inTheWay names a socket of ours that keeps a port from being opened another way.
func (b *Board) inTheWay(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	for k := range b.sockets {
		if _, other, _ := net.SplitHostPort(k.address); other == port && port != "0" {
			return fmt.Sprintf(" (this node listens on %s for %s: where that is in the way, take it out in one reload and add the other in the next)", k.address, k.protocol)
		}
	}
	return ""
}

// Cancel closes what Prepare opened.
func (c *Change) Cancel() {
	c.board.mu.Lock()
	defer c.board.mu.Unlock()
	c.cancel()
}

func (c *Change) cancel() {
	for _, s := range c.opened {
		s.listener.Close()
	}
}

// Apply puts the points in force: new clients come to their servers, and sockets that none
// of them has are closed. Clients of other servers stay with those until they go.
func (c *Change) Apply() {
	b := c.board
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, s := range b.sockets {
		if !c.has(k) {
			delete(b.sockets, k)
			s.close()
			b.log.Info("listening no more", "protocol", k.protocol, "address", s.listener.Addr().String())
		}
	}
	for k, p := range c.points {
		s := b.sockets[k]
		if s == nil {
			s = c.opened[k]
			b.sockets[k] = s
			b.log.Info("listening", "protocol", k.protocol, "address", s.listener.Addr().String())
		}
		s.point = p
		if b.running != nil {
			s.serve(b.running)
		}
	}
}

// Run serves what is in force, and what Apply puts in force meanwhile, until ctx ends or a
// server fails. Then nobody is accepted any more, all connections are ended, and it
// returns when they are. The sockets are closed.
func (b *Board) Run(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	servers, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	r := &run{ctx: servers, fail: fail}
	b.mu.Lock()
	b.running = r
	for _, s := range b.sockets {
		s.serve(r)
	}
	b.mu.Unlock()
	<-ctx.Done()
	b.halt()
	r.accepts.Wait()
	end()
	r.servers.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// halt has nobody accepted any more.
func (b *Board) halt() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = nil
	for k, s := range b.sockets {
		s.close()
		delete(b.sockets, k)
	}
}
