package journal

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
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

// encode writes records as one block. It can't fail: where there is too much,
// texts are clipped.
func encode(records []*Record) []byte {
	body := encodeBody(records, longString)
	if len(body) > maxBlock {
		body = encodeBody(records, shortString)
	}
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
