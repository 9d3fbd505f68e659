package attachment

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// zstdBlock is what a decoder of zstd needs beside its window, in octets: two blocks and its tables.
const zstdBlock = 1 << 20

// zstd reads a file of the zstd format (RFC 8878), frames one after the other, those that are to be skipped left out.
// What is no frame ends it.
func (w *walker) zstd(f *File, r io.Reader, at place) error {
	if err := w.may(); err != nil {
		return err
	}
	in := &counter{r: r}
	z := &zstdReader{w: w, in: bufio.NewReader(in)}
	defer z.close()
	if err := z.next(); err != nil { // of what can't be read at all nothing is said to be in it
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
	w.file(unpackedName(f.Name, ".zst", ".tzst"), w.unpacked(f, z, in), 0, at)
	return nil
}

// A zstdReader reads frames, each with the window that it asks for: that is allocated at once, and is
// bounded by what memory is left and by 8 MiB, which is what the RFC has decoders
// support and more than compressors use unless told. It tells what is beyond that from what is broken.
type zstdReader struct {
	w       *walker
	in      *bufio.Reader
	frame   *zstdFrame
	decoder *zstd.Decoder
	window  int // of the decoder
}

// Read implements io.Reader.
func (z *zstdReader) Read(p []byte) (int, error) {
	for {
		n, err := z.decoder.Read(p)
		switch {
		case errors.Is(err, io.EOF) && n == 0:
			if err := z.next(); err != nil {
				return 0, err
			}
			continue
		case err == nil, errors.Is(err, io.EOF):
			return n, nil
		case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
			return n, errRoom
		case errors.Is(err, zstd.ErrUnknownDictionary):
			return n, errMethod
		}
		return n, fmt.Errorf("zstd: %w", err)
	}
}

// next goes to the next frame with a content; io.EOF: there is none.
func (z *zstdReader) next() error {
	for {
		if err := z.w.may(); err != nil {
			return err
		}
		head, err := z.in.Peek(zstd.HeaderMaxSize) // what is shorter is judged by what there is
		if len(head) == 0 {
			return err
		}
		if string(head[:min(4, len(head))]) == "\x04\x22\x4d\x18" {
			return errMethod // of LZ4, whose frames to skip look the same
		}
		var h zstd.Header
		if err := h.Decode(head); err != nil {
			return fmt.Errorf("zstd: %w", err)
		}
		if !h.Skippable {
			return z.begin(&h)
		}
		z.w.expanded += frameCost
		if _, err := io.CopyN(io.Discard, z.in, int64(h.HeaderSize)+int64(h.SkippableSize)); err != nil {
			return fmt.Errorf("zstd: frame to skip: %w", io.ErrUnexpectedEOF)
		}
	}
}

// frameCost is what a frame counts as that holds nothing, in octets of output: a file may be made of them.
const frameCost = 256

// begin has a frame decoded. A frame of a single segment has its content for a window (RFC 8878 §3.1.1.1.1.2).
func (z *zstdReader) begin(h *zstd.Header) error {
	window := max(h.WindowSize, zstd.MinWindowSize)
	if h.SingleSegment {
		window = max(h.FrameContentSize, zstd.MinWindowSize)
	}
	z.w.expanded += frameCost
	z.frame = &zstdFrame{in: z.in, left: h.HeaderSize, sum: h.HasCheckSum}
	if z.decoder != nil && window <= uint64(z.window) {
		return z.decoder.Reset(z.frame)
	}
	z.close()
	if most := min(maxDictionary, z.w.memory-zstdBlock); most < 0 || window > uint64(most) {
		return errRoom
	}
	d, err := zstd.NewReader(z.frame, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return fmt.Errorf("zstd: %w", err)
	}
	z.decoder, z.window = d, int(window)
	z.w.memory -= z.window + zstdBlock
	z.w.expanded += int64(window / 4) // it has to be cleared: many small files cost, too
	return nil
}

// close gives back what the decoder has.
func (z *zstdReader) close() {
	if z.decoder == nil {
		return
	}
	z.decoder.Close()
	z.decoder = nil
	z.w.release(z.window + zstdBlock)
}

// A zstdFrame reads the octets of one frame, and no more: its header, its blocks (RFC 8878 §3.1.1.2), its checksum.
type zstdFrame struct {
	in   *bufio.Reader
	left int  // octets of what is being read
	last bool // that is the last block, or the checksum
	sum  bool // a checksum is to come
}

// Read implements io.Reader.
func (f *zstdFrame) Read(p []byte) (int, error) {
	if f.left == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n, err := f.in.Read(p[:min(len(p), f.left)])
	f.left -= n
	return n, err
}

// next goes to the next block, or to the checksum.
func (f *zstdFrame) next() error {
	switch {
	case f.last && !f.sum:
		return io.EOF
	case f.last:
		f.left, f.sum = 4, false
		return nil
	}
	b, err := f.in.Peek(3)
	if err != nil {
		return err
	}
	head := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	f.last, f.left = head&1 == 1, 3+head>>3
	if kind := head >> 1 & 3; kind == 1 { // one octet, so many times
		f.left = 3 + 1
	}
	return nil
}
