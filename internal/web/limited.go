package web

import (
	"crypto/tls"
	"net"
	"sync"
)

// limited lets no more than so many connections be open at once; who comes later waits
// in the system's queue.
type limited struct {
	net.Listener
	turn chan struct{}
	done chan struct{}
	once sync.Once
}

func newLimited(l net.Listener, n int) net.Listener {
	return &limited{Listener: l, turn: make(chan struct{}, n), done: make(chan struct{})}
}

// Accept waits for a connection, and for its turn.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.turn <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.turn
		return nil, err
	}
	return l.counted(conn), nil
}

// counted gives the turn back when the connection is closed. net/http speaks HTTP/2 on
// a *tls.Conn only, so what is counted is the connection under it.
func (l *limited) counted(conn net.Conn) net.Conn {
	return &countedConn{Conn: conn, free: sync.OnceFunc(func() { <-l.turn })}
}

// Close ends Accept.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

type countedConn struct {
	net.Conn
	free func()
}

// Close gives the turn back.
func (c *countedConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}

// secured puts TLS over a listener.
func secured(l net.Listener, c *tls.Config) net.Listener {
	if c == nil {
		return l
	}
	c = c.Clone()
	c.NextProtos = []string{"h2", "http/1.1"}
	return tls.NewListener(l, c)
}
