package remote

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// maxLine bounds a line of the server, with its end. Longer ones are met in folders' lists and
// nowhere else.
const maxLine = 64 << 10

// A conn is a connection on which every wait has a limit.
type conn struct {
	ctx     context.Context
	wire    net.Conn
	r       *bufio.Reader
	wait    time.Duration
	secure  bool
	release func() bool
}

func newConn(wire net.Conn, wait time.Duration) *conn {
	c := &conn{ctx: context.Background(), wire: wire, wait: wait, release: func() bool { return true }}
	c.r = bufio.NewReaderSize(timed{c}, 32<<10)
	return c
}

// timed reads, each time for as long as a wait may be.
type timed struct{ c *conn }

func (t timed) Read(p []byte) (int, error) {
	if err := t.c.wire.SetReadDeadline(time.Now().Add(t.c.wait)); err != nil {
		return 0, err
	}
	return t.c.wire.Read(p)
}

// encrypt goes on in TLS. What the server sent before belongs to nobody: somebody on the way
// could have put it there to be taken for an answer from within (CVE-2011-0411).
func (c *conn) encrypt(config *tls.Config) error {
	if c.r.Buffered() > 0 {
		return fmt.Errorf("%w: the server spoke on before TLS began", ErrTLS)
	}
	inner := tls.Client(c.wire, config)
	ctx, cancel := context.WithTimeout(c.ctx, c.wait)
	defer cancel()
	if err := inner.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrTLS, err)
	}
	c.wire, c.secure = inner, true
	c.r.Reset(timed{c})
	return nil
}

// Close ends the connection without a word.
func (c *conn) Close() error {
	c.release()
	return c.wire.Close()
}

// fault names a context's end rather than the closed connection that came of it.
func (c *conn) fault(err error) error {
	if err != nil && c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the server closed the connection: %w", io.ErrUnexpectedEOF)
	}
	return err
}

func (c *conn) send(text string) error {
	if err := c.wire.SetWriteDeadline(time.Now().Add(c.wait)); err != nil {
		return c.fault(err)
	}
	_, err := io.WriteString(c.wire, text)
	return c.fault(err)
}

// line reads one, without its end.
func (c *conn) line() (string, error) {
	var b []byte
	for {
		part, err := c.r.ReadSlice('\n')
		if len(b)+len(part) > maxLine {
			return "", fmt.Errorf("%w: a line of more than %d octets", ErrProtocol, maxLine)
		}
		b = append(b, part...)
		if err == nil {
			return strings.TrimRight(string(b), "\r\n"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", c.fault(err)
		}
	}
}

// quote is what a server said as it may stand in an error: it goes to people and into logs.
func quote(s string) string {
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return fmt.Sprintf("%q", s)
}
