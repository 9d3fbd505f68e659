package milter

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	maxPacket  = 256 << 10 // octets; libmilter sends 64 KiB at most
	maxTotal   = 4 << 20   // octets that a milter may say about a message, without a new body
	maxPackets = 10_000
	headSize   = 4
	newBody    = 'b' // SMFIR_REPLBODY
)

// A guard stands before the library, which trusts milters: it would keep a new body, of any
// size, in memory, and panics at a packet without a command. So packets are looked at as
// they come: a length in four octets, a command, data. Time limits are the context's
// alone; the library's would lift them.
type guard struct {
	net.Conn
	head     []byte // of the packet, not handed on yet: length and command
	left     int    // octets of it that are to come
	total    int
	packets  int
	replaced bool // there was a new body, which is dropped
}

// Read implements net.Conn.
func (g *guard) Read(p []byte) (int, error) {
	for len(g.head) == 0 && g.left == 0 {
		if err := g.next(); err != nil {
			return 0, err
		}
	}
	if len(g.head) > 0 {
		n := copy(p, g.head)
		g.head = g.head[n:]
		return n, nil
	}
	n, err := g.Conn.Read(p[:min(len(p), g.left)])
	g.left -= n
	return n, err
}

// next begins a packet; one with a new body is passed by.
func (g *guard) next() error {
	head := make([]byte, headSize+1)
	if _, err := io.ReadFull(g.Conn, head[:headSize]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head)
	if size == 0 || size > maxPacket {
		return fmt.Errorf("answered with a packet of %d octets", size)
	}
	if _, err := io.ReadFull(g.Conn, head[headSize:]); err != nil {
		return err
	}
	rest := int(size) - 1
	if head[headSize] == newBody {
		g.replaced = true
		_, err := io.CopyN(io.Discard, g.Conn, int64(rest))
		return err
	}
	g.packets, g.total = g.packets+1, g.total+rest
	if g.packets > maxPackets || g.total > maxTotal {
		return fmt.Errorf("answered with too much: %d packets, %d octets", g.packets, g.total)
	}
	g.head, g.left = head, rest
	return nil
}

// SetDeadline implements net.Conn: the context's stays.
func (g *guard) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn: the context's stays.
func (g *guard) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn: the context's stays.
func (g *guard) SetWriteDeadline(time.Time) error { return nil }
