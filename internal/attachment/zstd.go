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

// zstd reads a file of the zstd format (RFC 8878), frames one after the other. Its window is allocated
// at once as the first frame says, and is bounded by what memory is left and by 8 MiB, which is what the RFC has decoders
// support and more than compressors use unless told.
func (w *walker) zstd(f *File, r io.Reader, at place) error {
	if err := w.may(); err != nil {
		return err
	}
	in := &counter{r: r}
	b := bufio.NewReader(in)
	head, _ := b.Peek(zstd.HeaderMaxSize) // what is shorter is judged by what there is
	var h zstd.Header
	if err := h.Decode(head); err != nil {
		return fmt.Errorf("zstd: %w", err)
	}
	window := max(h.WindowSize, zstd.MinWindowSize)
	if most := min(maxDictionary, w.memory-zstdBlock); most < 0 || window > uint64(most) {
		return errRoom
	}
	n := int(window) + zstdBlock
	w.memory -= n
	w.expanded += int64(window / 4) // it has to be cleared: many small files cost, too
	defer w.release(n)
	z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return fmt.Errorf("zstd: %w", err)
	}
	defer z.Close()
	w.file(unpackedName(f.Name, ".zst", ".tzst"), w.unpacked(f, zstdReader{z}, in), 0, at)
	return nil
}

// A zstdReader tells what is beyond what is read from what is broken. It has none of the decoder's other methods, which would
// go past the meter.
type zstdReader struct{ z *zstd.Decoder }

// Read implements io.Reader.
func (r zstdReader) Read(p []byte) (int, error) {
	n, err := r.z.Read(p)
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return n, err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return n, errRoom
	case errors.Is(err, zstd.ErrUnknownDictionary):
		return n, errMethod
	}
	return n, fmt.Errorf("zstd: %w", err)
}
