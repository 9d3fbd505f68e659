package attachment

import (
	"context"
	"errors"
	"io"
	"sort"

	"gatepost/internal/mail"
)

// A source is a part's decoded content, to be read at any place. Small ones are in memory.
// Of a large one only is known where in the message pieces of it begin, places at which a
// decoder can start anew; what is read is decoded again, a piece at a time.
type source struct {
	m     *mail.Message
	p     *mail.Part
	size  int64
	small []byte  // the first smallSize octets, all of it where whole
	whole bool    // it is all in small
	begin []piece // of a large one
	tail  []byte  // the last octets, maxEnd at least where there are

	pieces bool // whatever its kind, it is to be read at any place

	last  int    // which piece is in piece
	piece []byte // decoded
}

// A piece is where one begins in the decoded content and in the message.
type piece struct{ at, raw int64 }

const (
	smallSize = 256 << 10 // octets, of what stays in memory
	pieceSize = 64 << 10  // octets in the message, of a piece
	maxPiece  = 2 << 20   // of a piece whose lines are that long
)

func newSource(m *mail.Message, p *mail.Part) *source {
	return &source{m: m, p: p, last: -1}
}

// head returns the first octets.
func (s *source) head() []byte { return s.small[:min(len(s.small), headSize)] }

// scan decodes the content once, through buf into h. Its errors are those of reading the message.
func (s *source) scan(ctx context.Context, h io.Writer, buf []byte) error {
	raw, end := s.p.Body, s.p.End
	for raw < end {
		next, err := s.next(raw)
		if err != nil {
			return err
		}
		s.begin = append(s.begin, piece{s.size, raw})
		r := s.decoded(raw, next)
		for {
			n, err := r.Read(buf)
			_, _ = h.Write(buf[:n]) // a hash never fails
			s.keepTail(buf[:n])
			s.size += int64(n)
			if room := smallSize - len(s.small); room > 0 {
				s.small = append(s.small, buf[:min(n, room)]...)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return errTime
		}
		raw = next
	}
	s.whole = s.size == int64(len(s.small))
	return nil
}

// keepTail remembers the last octets.
func (s *source) keepTail(b []byte) {
	b = b[max(0, len(b)-maxEnd):]
	if len(s.tail)+len(b) > 2*maxEnd {
		s.tail = s.tail[:copy(s.tail, s.tail[len(s.tail)-maxEnd:])]
	}
	s.tail = append(s.tail, b...)
}

// next returns where the piece that begins at raw ends. What nobody will look into is one.
func (s *source) next(raw int64) (int64, error) {
	if len(s.small) >= headSize && !s.pieces {
		if kind := kindOf(s.head()); !kind.streams() && !kind.wanted() {
			return s.p.End, nil
		}
	}
	return s.cut(raw)
}

// decoded reads a stretch of the message through the part's decoder.
func (s *source) decoded(from, to int64) io.Reader {
	p := *s.p
	p.Body, p.End = from, to
	return s.m.Decoded(&p)
}

// cut returns where a piece that begins at raw ends: at a place at which the decoder has
// nothing in hand.
func (s *source) cut(raw int64) (int64, error) {
	end := min(raw+pieceSize, s.p.End)
	if end == s.p.End || s.p.Encoding != "base64" && s.p.Encoding != "quoted-printable" {
		return end, nil
	}
	quoted := s.p.Encoding == "quoted-printable"
	var b [4 << 10]byte
	sextets, since := 0, 0 // of base64 in hand; octets after an "="
	for at := raw; at < s.p.End && at < raw+maxPiece; {
		n, err := s.m.ReadAt(b[:min(int64(len(b)), s.p.End-at)], at)
		if n == 0 {
			return 0, notEOF(err)
		}
		for i, c := range b[:n] {
			switch since++; {
			case c == '=':
				sextets, since = 0, 0
			case quoted && (c == ' ' || c == '\t' || c == '\r'): // may be dropped
				continue
			case isBase64(c):
				sextets = (sextets + 1) % 4
			}
			if at+int64(i) >= end-1 && (quoted && since > 1 || !quoted && sextets == 0) {
				return at + int64(i) + 1, nil
			}
		}
		at += int64(n)
	}
	return min(raw+maxPiece, s.p.End), nil
}

func isBase64(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/'
}

// ReadAt implements io.ReaderAt. It is not for use by several goroutines at once.
func (s *source) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 || off >= s.size {
		return 0, io.EOF
	}
	if off+int64(len(p)) <= int64(len(s.small)) || s.whole {
		n = copy(p, s.small[off:])
	}
	for n < len(p) && off+int64(n) < s.size && !s.whole {
		at := off + int64(n)
		i := sort.Search(len(s.begin), func(i int) bool { return s.begin[i].at > at }) - 1
		if err := s.load(i); err != nil {
			return n, err
		}
		got := copy(p[n:], s.piece[min(at-s.begin[i].at, int64(len(s.piece))):])
		if got == 0 {
			return n, io.ErrUnexpectedEOF
		}
		n += got
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// load decodes a piece.
func (s *source) load(i int) error {
	if s.last == i {
		return nil
	}
	to := s.p.End
	if i+1 < len(s.begin) {
		to = s.begin[i+1].raw
	}
	r := s.decoded(s.begin[i].raw, to)
	s.piece, s.last = s.piece[:0], -1
	for {
		if len(s.piece) == cap(s.piece) {
			s.piece = append(s.piece, 0)[:len(s.piece)]
		}
		n, err := r.Read(s.piece[len(s.piece):cap(s.piece)])
		s.piece = s.piece[:len(s.piece)+n]
		if errors.Is(err, io.EOF) {
			s.last = i
			return nil
		}
		if err != nil {
			return err
		}
	}
}
