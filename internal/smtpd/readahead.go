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
	wide          *sync.Pool    // of *bufio.Reader with readBuffer
}

const (
	// narrowBuffer holds a common group of commands.
	narrowBuffer = 1 << 10
	// readBuffer is what is read ahead of content; no command line is longer.
	readBuffer = 16 << 10
)

func newReadahead(r io.Reader, wide *sync.Pool) *readahead {
	b := bufio.NewReaderSize(r, narrowBuffer)
	return &readahead{Reader: b, narrow: b, wide: wide}
}

// take returns a large buffer over source.
func (r *readahead) take(source io.Reader) *bufio.Reader {
	b, ok := r.wide.Get().(*bufio.Reader)
	if !ok {
		return bufio.NewReaderSize(source, readBuffer)
	}
	b.Reset(source)
	return b
}

// widen has more read at once from now on.
func (r *readahead) widen() {
	if r.Reader != r.narrow {
		return
	}
	b := r.take(r.narrow)
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
	r.wide.Put(b)
}

// line reads up to the next LF (bufio.Reader.ReadSlice), of a line that fits into the large buffer.
func (r *readahead) line() ([]byte, error) {
	r.tighten()
	b, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) && r.Reader == r.narrow {
		begun := bytes.Clone(b)
		r.Reader = r.take(io.MultiReader(bytes.NewReader(begun), r.narrow))
		return r.ReadSlice('\n')
	}
	return b, err
}
