package smtpd

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"sync"
)

// A readahead reads what a client sends: little ahead while commands are waited for, which
// is what most connections do, and much where content comes. So ten thousand idle
// connections have no buffers to speak of.
type readahead struct {
	*bufio.Reader               // who is asked
	narrow        *bufio.Reader // over the network
}

const (
	// narrowBuffer holds a common group of commands.
	narrowBuffer = 1 << 10
	// readBuffer is what is read ahead of content; no command line is longer.
	readBuffer = 16 << 10
)

var wide = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBuffer) }}

func newReadahead(r io.Reader) *readahead {
	b := bufio.NewReaderSize(r, narrowBuffer)
	return &readahead{Reader: b, narrow: b}
}

// widen has more read at once from now on.
func (r *readahead) widen() {
	if r.Reader != r.narrow {
		return
	}
	b := wide.Get().(*bufio.Reader)
	b.Reset(r.narrow)
	if r.narrow.Buffered() > 0 {
		b.Peek(1) // takes all that is there
	}
	r.Reader = b
}

// tighten gives the large buffer back, once there is nothing in it.
func (r *readahead) tighten() {
	if r.Reader == r.narrow || r.Buffered() > 0 {
		return
	}
	b := r.Reader
	r.Reader = r.narrow
	b.Reset(nil)
	wide.Put(b)
}

// line reads up to the next LF (bufio.Reader.ReadSlice), of a line that fits into the large buffer.
func (r *readahead) line() ([]byte, error) {
	r.tighten()
	b, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) && r.Reader == r.narrow {
		begun := bytes.Clone(b)
		r.Reader = wide.Get().(*bufio.Reader)
		r.Reset(io.MultiReader(bytes.NewReader(begun), r.narrow))
		return r.ReadSlice('\n')
	}
	return b, err
}
