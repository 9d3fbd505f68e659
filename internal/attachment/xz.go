package attachment

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// maxDictionary bounds the dictionary of LZMA, in octets. Files say up to 4 GiB, and by
// default 8 to 64 MiB: a reader that has less can read what does not look back further.
const maxDictionary = 8 << 20

// dictionary returns the dictionary that may be had for what says that it needs size octets
// and makes at most total ones (-1: unknown), and takes it off the memory.
func (w *walker) dictionary(size, total int64) (int, error) {
	if err := w.may(); err != nil {
		return 0, err
	}
	if total >= 0 {
		size = min(size, total)
	}
	n := int(max(min(size, maxDictionary, int64(w.memory)-1<<20), lzma.MinDictCap))
	if n > w.memory {
		return 0, errRoom
	}
	w.memory -= n
	w.expanded += int64(n / 4) // it has to be cleared: many small streams cost, too
	return n, nil
}

// lzma reads a file of the old format (.lzma): five octets of properties, the size, one stream.
func (w *walker) lzma(f *File, r io.Reader, at place) error {
	var h [13]byte
	in := &counter{r: r}
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return fmt.Errorf("lzma: %w", err)
	}
	z, n, err := w.lzmaStream(bufio.NewReader(in), h[:5], int64(binary.LittleEndian.Uint64(h[5:])))
	if err != nil {
		return fmt.Errorf("lzma: %w", err)
	}
	defer w.release(n)
	w.file(unpackedName(f.Name, ".lzma", ".tlz"), w.unpacked(f, z, in), 0, at)
	return nil
}

// lzmaStream reads a stream of LZMA with a dictionary of no more than there is room for; n is
// to be released. size is -1 where it is not known.
func (w *walker) lzmaStream(r io.Reader, properties []byte, size int64) (_ io.Reader, n int, err error) {
	if len(properties) != 5 || properties[0] >= 9*5*5 {
		return nil, 0, errors.New("properties of LZMA out of range")
	}
	n, err = w.dictionary(int64(binary.LittleEndian.Uint32(properties[1:])), size)
	if err != nil {
		return nil, 0, err
	}
	h := append(make([]byte, 0, 13), properties...)
	binary.LittleEndian.PutUint32(h[1:], uint32(n))
	h = binary.LittleEndian.AppendUint64(h, uint64(size))
	z, err := lzma.ReaderConfig{DictCap: maxDictionary}.NewReader(io.MultiReader(bytes.NewReader(h), r))
	if err != nil {
		w.release(n)
		return nil, 0, err
	}
	return z, n, nil
}

// lzma2Stream reads a stream of LZMA2, the size of whose dictionary is told by one octet.
func (w *walker) lzma2Stream(r io.Reader, property byte, size int64) (_ io.Reader, n int, err error) {
	if property > 40 {
		return nil, 0, errors.New("properties of LZMA2 out of range")
	}
	n, err = w.dictionary(int64(2|property&1)<<(property/2+11), size)
	if err != nil {
		return nil, 0, err
	}
	z, err := lzma.Reader2Config{DictCap: n}.NewReader2(r)
	if err != nil {
		w.release(n)
		return nil, 0, err
	}
	return z, n, nil
}

// xz reads a file of the xz format 1.2: streams of blocks, each of which tells how large a
// dictionary it needs. (The library's own reader of the format obeys whatever it tells.)
func (w *walker) xz(f *File, r io.Reader, at place) error {
	in := &counter{r: r}
	z := &xzReader{w: w, r: bufio.NewReader(in)}
	defer func() { w.release(z.taken) }()
	if err := z.header(); err != nil {
		return fmt.Errorf("xz: %w", err)
	}
	w.file(unpackedName(f.Name, ".xz", ".txz"), w.unpacked(f, z, in), 0, at)
	return nil
}

type xzReader struct {
	w      *walker
	r      *bufio.Reader
	block  io.Reader // nil: between blocks
	start  *counter  // of the block
	blocks int64     // of the stream
	check  int       // octets of a block's check
	taken  int       // memory
}

// header reads the 12 octets that begin a stream.
func (z *xzReader) header() error {
	var h [12]byte
	if _, err := io.ReadFull(z.r, h[:]); err != nil {
		return err
	}
	if !bytes.Equal(h[:7], []byte("\xfd7zXZ\x00\x00")) || h[7] > 15 {
		return errors.New("no header")
	}
	z.blocks, z.check = 0, []int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}[h[7]]
	return nil
}

// Read implements io.Reader.
func (z *xzReader) Read(p []byte) (int, error) {
	for {
		if z.block == nil {
			if err := z.next(); err != nil {
				return 0, err
			}
		}
		n, err := z.block.Read(p)
		if errors.Is(err, io.EOF) {
			err = z.endBlock()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// next begins a block; io.EOF at the end of the last stream.
func (z *xzReader) next() error {
	size, err := z.r.ReadByte()
	if err != nil {
		return unexpected(err)
	}
	if size == 0 {
		if err := z.index(); err != nil {
			return err
		}
		return z.nextStream()
	}
	h := make([]byte, int(size)*4+4)
	h[0] = size
	if _, err := io.ReadFull(z.r, h[1:]); err != nil {
		return unexpected(err)
	}
	property, err := blockProperty(h[1:])
	if err != nil {
		return err
	}
	z.w.release(z.taken)
	z.taken = 0
	z.start = &counter{r: z.r}
	z.block, z.taken, err = z.w.lzma2Stream(onebyte{z.start, z.r}, property, -1)
	z.blocks++
	return err
}

// onebyte counts octets that are read one by one, too, so that nothing is read ahead.
type onebyte struct {
	*counter
	b io.ByteReader
}

// ReadByte implements io.ByteReader.
func (o onebyte) ReadByte() (byte, error) {
	c, err := o.b.ReadByte()
	if err == nil {
		o.n++
	}
	return c, err
}

// blockProperty reads the header of a block behind its size: flags, sizes, filters. Only
// LZMA2 alone is read.
func blockProperty(h []byte) (byte, error) {
	flags := h[0]
	h = h[1:]
	for _, bit := range []byte{0x40, 0x80} {
		if flags&bit == 0 {
			continue
		}
		_, n := binary.Uvarint(h)
		if n <= 0 {
			return 0, errors.New("damaged header of a block")
		}
		h = h[n:]
	}
	if flags&3 != 0 {
		return 0, errMethod
	}
	if len(h) < 3 || h[0] != 0x21 || h[1] != 1 {
		return 0, errMethod
	}
	return h[2], nil
}

// endBlock skips the padding and the check.
func (z *xzReader) endBlock() error {
	pad := int((4 - z.start.n%4) % 4)
	z.block = nil
	_, err := z.r.Discard(pad + z.check)
	return unexpected(err)
}

// index skips the index and the footer of a stream.
func (z *xzReader) index() error {
	in := onebyte{&counter{r: z.r}, z.r}
	n, err := binary.ReadUvarint(in)
	if err != nil {
		return unexpected(err)
	}
	if int64(n) != z.blocks {
		return errors.New("the index does not fit the blocks")
	}
	for range 2 * n {
		if _, err := binary.ReadUvarint(in); err != nil {
			return unexpected(err)
		}
	}
	pad := int((4 - (in.n+1)%4) % 4)
	_, err = z.r.Discard(pad + 4 + 12)
	return unexpected(err)
}

// nextStream goes on behind the padding of a stream.
func (z *xzReader) nextStream() error {
	for {
		b, err := z.r.Peek(4)
		if err != nil || b[0] != 0 {
			break
		}
		if _, err := z.r.Discard(4); err != nil {
			return unexpected(err)
		}
	}
	if b, _ := z.r.Peek(6); string(b) != "\xfd7zXZ\x00" {
		return io.EOF
	}
	return z.header()
}

// unexpected makes the end of what has to go on an error.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
