package mail

import (
	"bytes"
	"errors"
	"io"
)

// maxReading bounds what of a message is read for its text, in octets of decoded bodies: more
// than what is kept of it, since text may stand behind anything.
const maxReading = 32 << 20

// An excerpt is what is kept of a body that may be too long: its start and its end.
type excerpt struct {
	kept  []byte
	head  int // octets of the start that are kept where there is more than fits
	limit int
	cut   bool
}

func newExcerpt(limit int64) *excerpt {
	return &excerpt{limit: int(limit), head: int(limit - limit/4)}
}

// tail is how much of the end is kept.
func (x *excerpt) tail() int { return x.limit - x.head }

// add takes what follows.
func (x *excerpt) add(b []byte) {
	const slack = 256 << 10 // what there is too much is moved away now and then only
	x.kept = append(x.kept, b...)
	if len(x.kept) > x.limit+slack {
		x.fit()
	}
}

// fit leaves the middle out, if there is more than fits.
func (x *excerpt) fit() {
	if len(x.kept) > x.limit {
		x.cut = true
		x.kept = append(x.kept[:x.head], x.kept[len(x.kept)-x.tail():]...)
	}
}

// pieces returns what was kept, in one piece, or as start and end. The end begins behind a
// space or a tag, where there is one near.
func (x *excerpt) pieces() (start, end []byte) {
	x.fit()
	if !x.cut {
		return x.kept, nil
	}
	const near = 1 << 10
	start, end = x.kept[:x.head:x.head], x.kept[x.head:]
	if i := bytes.IndexAny(end[:min(len(end), near)], " \n>"); i >= 0 {
		end = end[i+1:]
	}
	return start, end
}

// ends returns the start and the end of what is to be read of a part, limit octets together, in
// UTF-8; of HTML without what no reader sees (see squeezer). Without an end, start is all
// that was read. It says whether there is more to be read, and more style.
func (x *extractor) ends(p *Part, limit int64) (start, end string) {
	list, s := newExcerpt(limit), newSqueezer()
	r := x.m.Decoded(p)
	b := make([]byte, 32<<10)
	var err error
	for err == nil && x.reading > 0 {
		var n int
		n, err = r.Read(b[:min(int64(len(b)), x.reading)])
		x.reading -= int64(n)
		if piece := b[:n]; p.isHTML() {
			list.add(s.squeeze(piece))
		} else {
			list.add(piece)
		}
	}
	list.add(s.rest())
	x.m.failed(err)
	first, last := list.pieces()
	x.e.Cut = x.e.Cut || list.cut || !errors.Is(err, io.EOF)
	x.page.blind = x.page.blind || s.sheets > maxSheets
	return decodeBody(p, first), decodeBody(p, last)
}

// squeezedLen returns how much of HTML counts.
func squeezedLen(source string) (n int64) {
	const piece = 32 << 10
	s := newSqueezer()
	for b := []byte(source); len(b) > 0; b = b[min(len(b), piece):] {
		n += int64(len(s.squeeze(b[:min(len(b), piece)])))
	}
	return n + int64(len(s.rest()))
}
