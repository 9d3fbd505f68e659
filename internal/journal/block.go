package journal

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// A block is what one Append carries: the version, how it is packed, and then a
// table of strings and the records, whose strings are numbers in the table.
const (
	packedPlain   = 0
	packedDeflate = 1
)

const (
	// maxBlock bounds a block in memory, unpacked.
	maxBlock = 8 << 20
	// deflateFrom is where compressing begins to pay: one message's evidence is
	// mostly its table of distinct strings, groups and long lists of recipients repeat
	// themselves.
	deflateFrom = 4 << 10
	// longString is what a string of evidence may have, and shortString what
	// stays of it in a block that would be too big.
	longString  = 16 << 10
	shortString = 64
)

// maxKept is how much room a packer keeps for the next block: that of usual ones.
const maxKept = 1 << 20

// A packer writes blocks. Its parts are made once: a compressor alone takes a megabyte.
type packer struct {
	encoder encoder
	whole   []byte // table and records
	flate   *flate.Writer
}

// encode writes records as one block; nil where they are too many for one. One
// record alone always fits: where there is too much it is cut.
func (p *packer) encode(records []*Record) []byte {
	body := p.body(records, longString)
	if len(body) > maxBlock {
		if len(records) > 1 {
			return nil
		}
		body = p.cut(*records[0])
	}
	return p.pack(body)
}

// cut writes one record that is too big: its texts are clipped, then its last
// walks lose their steps, and then it loses them.
func (p *packer) cut(r Record) (body []byte) {
	fits := func() bool {
		body = p.body([]*Record{&r}, shortString)
		return len(body) <= maxBlock
	}
	if fits() {
		return body
	}
	r.Walks = slices.Clone(r.Walks)
	for n := len(r.Walks); n > 0; {
		n /= 2
		for i := range r.Walks[n:] {
			r.Walks[n+i].Steps = nil
		}
		if fits() {
			return body
		}
	}
	for !fits() {
		r.Walks = r.Walks[:len(r.Walks)/2]
	}
	return body
}

func (p *packer) pack(body []byte) []byte {
	if len(body) >= deflateFrom {
		if packed := p.deflate(body); len(packed) < len(body) {
			return packed
		}
	}
	return append([]byte{version, packedPlain}, body...)
}

// body holds until the next call.
func (p *packer) body(records []*Record, longest int) []byte {
	e := &p.encoder
	if e.index == nil {
		*e = encoder{index: make(map[string]uint64, 64), strings: make([]byte, 0, 2048), body: make([]byte, 0, 1024)}
	}
	clear(e.index)
	e.strings, e.body, e.longest = e.strings[:0], e.body[:0], longest
	codeList(e, &records, func(r **Record, c codec) { (*r).code(c) })
	p.whole = binary.AppendUvarint(p.whole[:0], uint64(len(e.index)))
	p.whole = append(append(p.whole, e.strings...), e.body...)
	return p.whole
}

func (p *packer) deflate(body []byte) []byte {
	b := bytes.NewBuffer(append(make([]byte, 0, len(body)/3), version, packedDeflate))
	if p.flate == nil {
		w, err := flate.NewWriter(b, flate.BestSpeed)
		if err != nil {
			panic(err) // the level is a constant
		}
		p.flate = w
	} else {
		p.flate.Reset(b)
	}
	p.flate.Write(body) // to memory
	p.flate.Close()
	return b.Bytes()
}

// big reports whether the packer holds more room than is worth keeping.
func (p *packer) big() bool {
	return cap(p.whole) > maxKept || cap(p.encoder.strings)+cap(p.encoder.body) > maxKept || len(p.encoder.index) > maxKept/64
}

// decode reads a block. Its cause of failure is ErrFormat.
func decode(block []byte) ([]*Record, error) {
	if len(block) < 2 || block[0] < 1 || block[0] > version {
		return nil, fmt.Errorf("version: %w", ErrFormat)
	}
	body, err := unpack(block[1], block[2:])
	if err != nil {
		return nil, err
	}
	d := &decoder{v: int(block[0]), rest: body}
	d.table()
	var records []*Record
	codeList(d, &records, func(r **Record, c codec) {
		*r = &Record{}
		(*r).code(c)
	})
	return records, d.err
}

func unpack(how byte, b []byte) ([]byte, error) {
	switch how {
	case packedPlain:
		return b, nil
	case packedDeflate:
		body, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b)), maxBlock+1))
		if err != nil || len(body) > maxBlock {
			return nil, fmt.Errorf("unpack: %w", ErrFormat)
		}
		return body, nil
	}
	return nil, fmt.Errorf("packing %d: %w", how, ErrFormat)
}
