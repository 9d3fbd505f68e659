package imap

import (
	"bufio"
	"context"
	"io"

	"github.com/klauspost/compress/flate"
)

var compressCommands = []command{
	{name: "COMPRESS", states: inside, run: (*conn).compress},
}

// compress: RFC 4978 §3. It comes after the log-in only: strangers can't make the server inflate. What is
// inflated passes the same bounds of lines and literals as what comes plain, piece by
// piece, so that no bomb is ever whole in memory.
func (c *conn) compress(_ context.Context, r *request) (reply, error) {
	r.space()
	mechanism := r.word()
	switch err := r.end(); {
	case err != nil:
		return reply{}, err
	case mechanism != "DEFLATE":
		return reply{}, no("CANNOT", "Only DEFLATE is served")
	case c.compressed:
		return reply{}, no("COMPRESSIONACTIVE", "DEFLATE is in use already")
	}
	c.tagged(r.tag, "COMPRESS", reply{text: "DEFLATE starts now"})
	if err := c.out.flush(); err != nil {
		return reply{}, err
	}
	// What was read ahead is compressed already. Clients that end a command by zlib's Z_PARTIAL_FLUSH,
	// as mbsync does, must be heard at the end of each block: compress/flate would wait for more.
	c.in.r = bufio.NewReaderSize(flate.NewReaderOpts(c.in.r, flate.WithPartialBlock()), smallBuffer)
	c.out.w = &deflater{w: c.out.w}
	c.compressed = true
	return reply{status: answered}, nil
}

// window is how much of what was sent before helps to compress what comes; no more of it can.
const window = 8 << 10

// A deflater compresses each buffer and sends all of it. Between two it keeps no more than the
// window, since most sessions wait most of the time: a usual compressor would hold half a MiB.
type deflater struct {
	w    io.Writer
	sent []byte // the last of it
}

// Write implements io.Writer.
func (d *deflater) Write(p []byte) (int, error) {
	if err := flate.StatelessDeflate(d.w, p, false, d.sent); err != nil {
		return 0, err
	}
	d.sent = append(d.sent, p[max(0, len(p)-window):]...)
	if n := len(d.sent) - window; n > 0 {
		d.sent = append(d.sent[:0], d.sent[n:]...)
	}
	return len(p), nil
}
