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

// encode writes records as one block; nil where they are too many for one. One
// record alone always fits: where there is too much it is cut.
func encode(records []*Record) []byte {
	body := encodeBody(records, longString)
	if len(body) > maxBlock {
		if len(records) > 1 {
			return nil
		}
		body = encodeCut(*records[0])
	}
	return pack(body)
}

// encodeCut writes one record that is too big: its texts are clipped, then its last
// walks lose their steps, and then it loses them.
func encodeCut(r Record) (body []byte) {
	fits := func() bool {
		body = encodeBody([]*Record{&r}, shortString)
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

func pack(body []byte) []byte {
	if len(body) >= deflateFrom {
		if packed := deflate(body); len(packed) < len(body) {
			return packed
		}
	}
	return append([]byte{version, packedPlain}, body...)
}

func encodeBody(records []*Record, longest int) []byte {
	e := &encoder{index: make(map[string]uint64, 64), strings: make([]byte, 0, 2048), body: make([]byte, 0, 1024), longest: longest}
	codeList(e, &records, func(r **Record, c codec) { (*r).code(c) })
	b := binary.AppendUvarint(make([]byte, 0, binary.MaxVarintLen64+len(e.strings)+len(e.body)), uint64(len(e.index)))
	return append(append(b, e.strings...), e.body...)
}

func deflate(body []byte) []byte {
	b := bytes.NewBuffer([]byte{version, packedDeflate})
	w, err := flate.NewWriter(b, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	w.Write(body) // to memory
	w.Close()
	return b.Bytes()
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
