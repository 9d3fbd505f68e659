package smtpd

import (
	"strconv"
	"strings"
	"time"
)

// A chunk is what BDAT announced (RFC 3030 §2). The library is told of DATA
// instead, and gets the chunks as the lines that DATA would have brought: it
// would read them in a goroutine of its own, which a RSET does not wait for.
type chunk struct {
	left  int64
	last  bool
	taken bool // its 250 was sent
}

// bdat begins a chunk. Where its size can't be read nobody knows where commands
// go on, so the connection ends.
func (g *guard) bdat(arg string) {
	c, ok := parseChunk(arg)
	if !ok {
		g.send(badChunk)
		return
	}
	g.chunk = c
	if g.body == nil {
		g.pass("DATA")
		return
	}
	g.announced()
}

// announced refuses chunks that are too large together, before any of the last one is kept. The session finds that
// out as well, but maybe only with a later chunk.
func (g *guard) announced() {
	if g.body.octets += g.chunk.left; g.body.octets > g.conn.cfg.MaxMessage {
		g.body.fault(errTooLarge)
	}
}

func parseChunk(arg string) (chunk, bool) {
	f := strings.Fields(arg)
	if len(f) == 0 || len(f) > 2 || len(f) == 2 && !strings.EqualFold(f[1], "LAST") {
		return chunk{}, false
	}
	n, err := strconv.ParseUint(f[0], 10, 62)
	return chunk{left: int64(n), last: len(f) == 2}, err == nil
}

// skipChunk reads a chunk that nobody wants: BDAT was refused.
func (g *guard) skipChunk() bool {
	if g.chunk.left == 0 {
		return true
	}
	g.until = time.Now().Add(g.conn.cfg.ContentTime)
	for g.chunk.left > 0 {
		n, err := g.in.Discard(int(min(g.chunk.left, 1<<20)))
		g.chunk.left -= int64(n)
		if err != nil {
			g.lose(err)
			return false
		}
	}
	g.until = time.Now().Add(g.conn.cfg.CommandTime)
	return true
}

// readChunk goes a step on in content that comes in chunks: it feeds the
// library, or fails its read.
func (g *guard) readChunk() error {
	b := g.body
	switch {
	case b.over:
		return b.bad
	case g.chunk.left > 0:
		return g.moveChunk()
	case b.bad != nil, g.said != nil, g.chunk.last:
		g.endChunks()
	case !g.chunk.taken:
		g.chunk.taken = true
		g.send(chunkFine)
	default:
		g.betweenChunks()
	}
	return nil
}

// moveChunk feeds the library what has come in of a chunk, with dots stuffed.
func (g *guard) moveChunk() error {
	in, err := g.ahead()
	if err != nil {
		return err
	}
	if int64(len(in)) > g.chunk.left {
		in = in[:g.chunk.left]
	}
	if g.body.bad == nil {
		g.feed = g.body.stuff(g.feed[:0], in)
	}
	g.chunk.left -= int64(len(in))
	g.in.Discard(len(in))
	return nil
}

// stuff appends b as DATA would have it (RFC 5321 §4.5.2), up to the first thing
// that is wrong.
func (l *lines) stuff(dst, b []byte) []byte {
	for _, c := range b {
		if c == '.' && l.state == begin {
			dst = append(dst, '.')
		}
		l.next(c)
		if l.bad != nil {
			return dst
		}
		dst = append(dst, c)
	}
	return dst
}

// endChunks ends the library's DATA after the last chunk, or after the one in
// which the content was refused, here or by the session. A last line without
// CRLF gets one.
func (g *guard) endChunks() {
	b := g.body
	b.over = true
	switch {
	case b.bad != nil: // the library reads that
	case b.state == cr:
		b.bad = errBare
	case b.state == middle:
		g.feed = append(g.feed[:0], "\r\n.\r\n"...)
	default:
		g.feed = append(g.feed[:0], ".\r\n"...)
	}
}

// betweenChunks reads a command where only a few may stand.
func (g *guard) betweenChunks() {
	line, ok := g.line()
	if !ok {
		return
	}
	verb, arg, _ := strings.Cut(strings.TrimRight(line, " "), " ")
	switch g.verb = strings.ToUpper(verb); g.verb {
	case "BDAT":
		g.bdat(arg)
	case "NOOP":
		g.send(fine)
	case "RSET", "HELO", "EHLO", "QUIT":
		g.then, g.mute = line, true
		g.body.bad, g.body.over = errGivenUp, true
	default:
		g.send(busyWithChunk)
	}
}
