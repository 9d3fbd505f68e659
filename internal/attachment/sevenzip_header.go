package attachment

import (
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"unicode/utf16"
)

// A sevenHeader is what an archive's header tells.
type sevenHeader struct {
	folders []sevenFolder
	files   []sevenFile
}

type sevenFile struct {
	name      string
	empty     bool // it has no content
	directory bool
}

// A sevenFolder is a stream of several files' contents, and how it is made.
type sevenFolder struct {
	coders    []sevenCoder
	binds     []sevenBind
	inputs    []int         // which of the coders' inputs are packed streams, in their order
	streamsIn []sevenPacked // those
	main      int           // the coder whose output it is
	packed    int64         // octets of streamsIn
	streams   int           // files in it
	sizes     []uint64      // of those but the last
	altered   bool          // a filter was passed over: addresses in programs are others
	shifted   bool          // and what is behind them is not in its place
	summed    bool          // it has a checksum
}

type sevenCoder struct {
	method     string
	properties []byte
	in         int // its first input
	size       uint64
}

type sevenBind struct{ in, out int }

type sevenPacked struct{ at, size int64 }

// total is how many octets come out of the folder.
func (d *sevenFolder) total() int64 {
	if d.main >= len(d.coders) {
		return 0
	}
	return int64(min(d.coders[d.main].size, 1<<50))
}

// size is that of the folder's nth file.
func (d *sevenFolder) size(n int) int64 {
	if n < len(d.sizes) {
		return int64(min(d.sizes[n], 1<<50))
	}
	left := d.total()
	for _, s := range d.sizes {
		left -= int64(min(s, 1<<50))
	}
	return max(left, 0)
}

// A sevenParser reads a header. Once it has met an error it answers zeros.
type sevenParser struct {
	b   []byte
	end int64 // of the archive
	err error
}

func (p *sevenParser) fail() {
	if p.err == nil {
		p.err = io.ErrUnexpectedEOF
	}
	p.b = nil
}

func (p *sevenParser) wrong(why string) {
	if p.err == nil {
		p.err = errors.New(why)
	}
	p.b = nil
}

func (p *sevenParser) byte() byte {
	if len(p.b) == 0 {
		p.fail()
		return 0
	}
	c := p.b[0]
	p.b = p.b[1:]
	return c
}

func (p *sevenParser) bytes(n uint64) []byte {
	if n > uint64(len(p.b)) {
		p.fail()
		return nil
	}
	b := p.b[:n]
	p.b = p.b[n:]
	return b
}

// number reads a number: the ones at the top of the first octet count those that follow.
func (p *sevenParser) number() uint64 {
	first := p.byte()
	more := bits.LeadingZeros8(^first)
	var v uint64
	for i, c := range p.bytes(uint64(more)) {
		v |= uint64(c) << (8 * i)
	}
	if more < 7 {
		v |= uint64(first&(1<<(7-more)-1)) << (8 * more)
	}
	return v
}

// count reads how many of something follow, each of which has each octets at least, as far
// as there are octets left.
func (p *sevenParser) count(each int) int {
	n := p.number()
	if n > uint64(len(p.b)/each) {
		p.fail()
		return 0
	}
	return int(n)
}

// flags reads one bit for each of n.
func (p *sevenParser) flags(n int) []bool {
	b := p.bytes(uint64(n+7) / 8)
	if b == nil {
		return make([]bool, 0)
	}
	list := make([]bool, n)
	for i := range list {
		list[i] = b[i/8]&(0x80>>(i%8)) != 0
	}
	return list
}

// digests skips the checksums of n streams and returns which of them have one.
func (p *sevenParser) digests(n int) []bool {
	var defined []bool
	if p.byte() != 0 {
		defined = make([]bool, min(n, len(p.b)/4))
		for i := range defined {
			defined[i] = true
		}
		p.bytes(4 * uint64(n))
		return defined
	}
	for _, d := range p.flags(n) {
		if d {
			p.bytes(4)
		}
		defined = append(defined, d)
	}
	return defined
}

// header reads what follows the header's mark.
func (p *sevenParser) header() *sevenHeader {
	h := &sevenHeader{}
	for p.err == nil {
		switch id := p.byte(); id {
		case 0x00:
			return h
		case 0x02: // properties of the archive
			for p.byte() != 0 && p.err == nil {
				p.bytes(p.number())
			}
		case 0x03:
			p.streams()
		case 0x04:
			h.folders = p.streams()
		case 0x05:
			h.files = p.files()
		default:
			p.wrong("unknown part of the header")
		}
	}
	return h
}

// streams reads the packed streams, the folders and the files' sizes in them.
func (p *sevenParser) streams() (folders []sevenFolder) {
	var packed []sevenPacked
	counted := false
	for p.err == nil {
		switch p.byte() {
		case 0x00:
			if !counted {
				for i := range folders {
					folders[i].streams = 1
				}
			}
			p.assign(folders, packed)
			return folders
		case 0x06:
			packed = p.packInfo()
		case 0x07:
			folders = p.folders()
		case 0x08:
			counted = true
			p.subStreams(folders)
		default:
			p.wrong("unknown part of the streams")
		}
	}
	return nil
}

// assign gives each folder its packed streams.
func (p *sevenParser) assign(folders []sevenFolder, packed []sevenPacked) {
	for i := range folders {
		d := &folders[i]
		if len(d.inputs) > len(packed) {
			p.wrong("fewer packed streams than folders need")
			return
		}
		d.streamsIn, packed = packed[:len(d.inputs)], packed[len(d.inputs):]
		for _, s := range d.streamsIn {
			d.packed += s.size
		}
	}
}

func (p *sevenParser) packInfo() (packed []sevenPacked) {
	at := p.number()
	n := p.count(1)
	for p.err == nil {
		switch p.byte() {
		case 0x00:
			return packed
		case 0x09:
			for range n {
				size := p.number()
				if at > uint64(p.end) || size > uint64(p.end) {
					p.wrong("a packed stream outside the archive")
					return nil
				}
				packed = append(packed, sevenPacked{32 + int64(at), int64(size)})
				at += size
			}
		case 0x0a:
			p.digests(n)
		default:
			p.wrong("unknown part of the packed streams")
		}
	}
	return nil
}

func (p *sevenParser) folders() (list []sevenFolder) {
	if p.byte() != 0x0b {
		p.wrong("no folders")
		return nil
	}
	n := p.count(2)
	if p.byte() != 0 {
		p.wrong("folders elsewhere")
	}
	for i := 0; i < n && p.err == nil; i++ {
		list = append(list, p.folder())
	}
	for p.err == nil {
		switch p.byte() {
		case 0x00:
			return list
		case 0x0c:
			for i := range list {
				for j := range list[i].coders {
					list[i].coders[j].size = p.number()
				}
			}
		case 0x0a:
			for i, d := range p.digests(len(list)) {
				list[i].summed = d
			}
		default:
			p.wrong("unknown part of the folders")
		}
	}
	return nil
}

// maxCoders bounds the coders of a folder, and the inputs of each.
const maxCoders = 8

func (p *sevenParser) folder() (d sevenFolder) {
	inputs := 0
	n := p.count(1)
	if n > maxCoders {
		p.wrong("too many coders")
	}
	for i := 0; i < n && p.err == nil; i++ {
		flags := p.byte()
		k := sevenCoder{method: string(p.bytes(uint64(flags & 15))), in: inputs}
		in, out := 1, 1
		if flags&0x10 != 0 {
			in, out = p.count(1), p.count(1)
		}
		if in > maxCoders || out != 1 {
			p.wrong("coders of several outputs")
		}
		if flags&0x20 != 0 {
			k.properties = p.bytes(p.number())
		}
		inputs += in
		d.coders = append(d.coders, k)
	}
	bound, made := map[int]bool{}, map[int]bool{}
	for i := 1; i < n && p.err == nil; i++ {
		b := sevenBind{in: int(p.number() & 0xffff), out: int(p.number() & 0xffff)}
		bound[b.in], made[b.out] = true, true
		d.binds = append(d.binds, b)
	}
	if p.err != nil {
		return d
	}
	for made[d.main] {
		d.main++
	}
	if free := inputs - len(d.binds); free > 1 {
		for range free {
			d.inputs = append(d.inputs, int(p.number()&0xffff))
		}
		return d
	}
	for i := range inputs {
		if !bound[i] {
			d.inputs = append(d.inputs, i)
		}
	}
	return d
}

func (p *sevenParser) subStreams(folders []sevenFolder) {
	for i := range folders {
		folders[i].streams = 1
	}
	for p.err == nil {
		switch p.byte() {
		case 0x00:
			return
		case 0x0d:
			for i := range folders {
				folders[i].streams = int(min(p.number(), 1<<20))
			}
		case 0x09:
			for i := range folders {
				for j := 1; j < folders[i].streams && p.err == nil; j++ {
					folders[i].sizes = append(folders[i].sizes, p.number())
				}
			}
		case 0x0a:
			p.digests(unsummed(folders))
		default:
			p.wrong("unknown part of the files' sizes")
		}
	}
}

// unsummed is how many files have a checksum of their own: all but those that are alone in a
// folder that has one.
func unsummed(folders []sevenFolder) (n int) {
	for i := range folders {
		if d := &folders[i]; d.streams != 1 || !d.summed {
			n += d.streams
		}
	}
	return n
}

func (p *sevenParser) files() (list []sevenFile) {
	n := p.count(4)
	list = make([]sevenFile, n)
	var empty, dirs []bool
	for p.err == nil {
		id := p.number()
		if id == 0 {
			break
		}
		part := &sevenParser{b: p.bytes(p.number())}
		switch id {
		case 0x0e:
			empty = part.flags(n)
		case 0x0f: // of the empty ones: files, not directories
			dirs = part.flags(trues(empty))
		case 0x11:
			if part.byte() == 0 {
				sevenNames(part.b, list)
			}
		}
	}
	k := 0
	for i, e := range empty {
		if !e {
			continue
		}
		list[i].empty = true
		list[i].directory = k >= len(dirs) || !dirs[k]
		k++
	}
	return list
}

func trues(list []bool) (n int) {
	for _, b := range list {
		if b {
			n++
		}
	}
	return n
}

// sevenNames reads names: UTF-16, each ended by a zero.
func sevenNames(b []byte, list []sevenFile) {
	var name []uint16
	for i := 0; len(b) >= 2 && i < len(list); b = b[2:] {
		c := binary.LittleEndian.Uint16(b)
		if c != 0 {
			name = append(name, c)
			continue
		}
		list[i].name = string(utf16.Decode(name))
		name = name[:0]
		i++
	}
}
