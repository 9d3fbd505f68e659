package attachment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"gatepost/internal/mail"
)

// Attributes of TNEF ([MS-OXTNEF] §2.1.3) that are read.
const (
	tnefAttachment = 0x00069002 // begins an attachment
	tnefTitle      = 0x00018010
	tnefData       = 0x0006800f
	tnefProperties = 0x00069005
)

// tnef reads the attachments of a winmail.dat, in which Outlook wraps those of a message.
func (w *walker) tnef(f *File, c content, at place) error {
	r := io.NewSectionReader(c, 6, max(0, c.size-6))
	var name, long string
	var begin, size int64 = -1, 0
	done := func() {
		if begin >= 0 {
			if long != "" {
				name = long
			}
			w.file(name, io.NewSectionReader(c, begin, size), size, at)
		}
		name, long, begin = "", "", -1
	}
	defer done()
	for off := int64(6); !w.over; {
		var h [9]byte
		if n, _ := r.ReadAt(h[:], off-6); n < len(h) {
			if n > 0 && n < 3 || n == 0 {
				return nil
			}
			return errors.New("tnef: it ends in an attribute")
		}
		id, length := binary.LittleEndian.Uint32(h[1:]), int64(binary.LittleEndian.Uint32(h[5:]))
		if h[0] != 1 && h[0] != 2 || length > c.size-off-9 {
			return errors.New("tnef: damaged attribute")
		}
		switch id {
		case tnefAttachment:
			done()
		case tnefTitle:
			b := make([]byte, min(length, maxName))
			n, _ := c.ReadAt(b, off+9)
			b, _, _ = bytes.Cut(b[:n], []byte{0})
			name = string(b)
		case tnefData:
			begin, size = off+9, length
		case tnefProperties:
			b := make([]byte, min(length, 64<<10))
			n, _ := c.ReadAt(b, off+9)
			if s := longName(b[:n]); s != "" {
				long = s
			}
		}
		off += 9 + length + 2
	}
	return nil
}

// longName finds the long name of an attachment among its properties ([MS-OXTNEF] §2.1.3.4).
func longName(b []byte) string {
	p := &sevenParser{b: b}
	u32 := func() uint64 {
		v := p.bytes(4)
		if v == nil {
			return 0
		}
		return uint64(binary.LittleEndian.Uint32(v))
	}
	for n := u32(); n > 0 && p.err == nil; n-- {
		tag := u32()
		kind, id := tag&0x0fff, tag>>16
		if id >= 0x8000 { // a named property
			p.bytes(16)
			if u32() == 1 {
				p.bytes((u32() + 3) &^ 3)
			} else {
				u32()
			}
		}
		count := uint64(1)
		variable := kind == 0x1e || kind == 0x1f || kind == 0x102 || kind == 0x0d
		if tag&0x1000 != 0 || variable {
			count = u32()
		}
		for ; count > 0 && p.err == nil; count-- {
			if !variable {
				p.bytes(fixedSize(kind))
				continue
			}
			length := u32()
			v := p.bytes((length + 3) &^ 3)
			if id == 0x3707 && p.err == nil {
				v = v[:min(length, uint64(len(v)))]
				if kind == 0x1f {
					return littleEndian16(v)
				}
				v, _, _ = bytes.Cut(v, []byte{0})
				return string(v)
			}
		}
	}
	return ""
}

// fixedSize is what a value of a kind takes, padded to four.
func fixedSize(kind uint64) uint64 {
	switch kind {
	case 0x05, 0x06, 0x07, 0x14, 0x40:
		return 8
	case 0x48:
		return 16
	}
	return 4
}

// nested looks into a mail that is an attachment.
func (w *walker) nested(_ *File, c content, at place) error {
	m := mail.NewSpooled(c, c.size)
	w.message(m, at)
	return m.Err()
}
