package bayes

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	stdhash "hash"
	"hash/crc32"
	"io"
	"slices"
)

// A model's octets: "GPBAYES", the version, the numbers of lessons of ham and spam, the entries, and the
// CRC-32C of all that; integers in little endian.
const (
	magic   = "GPBAYES"
	version = 1
)

// ErrModel says that what was read is no model, or a damaged one, or one of another version.
var ErrModel = errors.New("not a model that can be read")

// WriteTo writes the whole model (io.WriterTo). What is learnt while it is written is not in it.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	m.mu.RLock()
	table, lessons := slices.Clone(m.table), m.lessons
	m.mu.RUnlock()
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	c := &counter{w: w}
	err := writeModel(io.MultiWriter(c, sum), table, lessons)
	if err == nil {
		_, err = c.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	}
	if err != nil {
		return c.n, fmt.Errorf("bayes: write model: %w", err)
	}
	return c.n, nil
}

// piece is how many entries are written and read at once.
const piece = 4096

func writeModel(w io.Writer, table []entry, lessons entry64) error {
	b := append([]byte(magic), version)
	for _, n := range lessons {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	for part := range slices.Chunk(table, piece) {
		for _, e := range part {
			b = binary.LittleEndian.AppendUint32(b, uint32(e[0]))
			b = binary.LittleEndian.AppendUint32(b, uint32(e[1]))
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		b = b[:0]
	}
	return nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Read reads a model that WriteTo wrote, and nothing behind it unless r is buffered by this; errors.Is(err, ErrModel) where it isn't one.
func Read(r io.Reader) (*Model, error) {
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	m, err := readModel(bufio.NewReaderSize(r, 64<<10), sum)
	if err != nil {
		return nil, fmt.Errorf("bayes: read model: %w", err)
	}
	return m, nil
}

func readModel(r io.Reader, sum stdhash.Hash32) (*Model, error) {
	summed := io.TeeReader(r, sum)
	head := make([]byte, len(magic)+1+16)
	if _, err := io.ReadFull(summed, head); err != nil {
		return nil, short(err)
	}
	if string(head[:len(magic)]) != magic || head[len(magic)] != version {
		return nil, ErrModel
	}
	m := New()
	for k := range m.lessons {
		m.lessons[k] = int64(binary.LittleEndian.Uint64(head[len(magic)+1+8*k:]))
	}
	buf := make([]byte, 8*piece)
	for part := range slices.Chunk(m.table, piece) {
		b := buf[:8*len(part)]
		if _, err := io.ReadFull(summed, b); err != nil {
			return nil, short(err)
		}
		for i := range part {
			part[i] = entry{int32(binary.LittleEndian.Uint32(b[8*i:])), int32(binary.LittleEndian.Uint32(b[8*i+4:]))}
		}
	}
	if _, err := io.ReadFull(r, buf[:4]); err != nil {
		return nil, short(err)
	}
	if binary.LittleEndian.Uint32(buf) != sum.Sum32() {
		return nil, fmt.Errorf("checksum: %w", ErrModel)
	}
	m.share()
	copy(m.taken, m.table)
	m.takenLessons = m.lessons
	return m, nil
}

func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it ends too early: %w", ErrModel)
	}
	return err
}
