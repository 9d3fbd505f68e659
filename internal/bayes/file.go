package bayes

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	stdhash "hash"
	"hash/crc32"
	"io"
)

// A model's octets: "GPBAYES", the version, the numbers of lessons of ham and spam, the cells, and the
// CRC-32C of all that; integers in little endian.
const (
	magic   = "GPBAYES"
	version = 1
)

// ErrModel says that what was read is no model, or a damaged one, or one of another version.
var ErrModel = errors.New("not a model that can be read")

// WriteTo writes the whole model (io.WriterTo). Nothing is learnt meanwhile only while it is copied.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	m.mu.RLock()
	cell := append([]int32(nil), m.cell...)
	ham, spam := m.ham, m.spam
	m.mu.RUnlock()
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	c := &counter{w: w}
	b := bufio.NewWriterSize(io.MultiWriter(c, sum), 64<<10)
	head := append([]byte(magic), version)
	head = binary.LittleEndian.AppendUint64(head, uint64(ham))
	head = binary.LittleEndian.AppendUint64(head, uint64(spam))
	b.Write(head)
	var buf []byte
	for i := 0; i < len(cell); i += 1024 {
		buf = buf[:0]
		for _, v := range cell[i:min(i+1024, len(cell))] {
			buf = binary.LittleEndian.AppendUint32(buf, uint32(v))
		}
		b.Write(buf)
	}
	if err := b.Flush(); err != nil {
		return c.n, fmt.Errorf("bayes: write model: %w", err)
	}
	if _, err := c.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32())); err != nil {
		return c.n, fmt.Errorf("bayes: write model: %w", err)
	}
	return c.n, nil
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

// Read reads a model that WriteTo wrote; errors.Is(err, ErrModel) where it isn't one.
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
	m.ham = int64(binary.LittleEndian.Uint64(head[len(magic)+1:]))
	m.spam = int64(binary.LittleEndian.Uint64(head[len(magic)+9:]))
	buf := make([]byte, 4096)
	for i := 0; i < len(m.cell); {
		n := min(len(m.cell)-i, len(buf)/4)
		if _, err := io.ReadFull(summed, buf[:4*n]); err != nil {
			return nil, short(err)
		}
		for k := range n {
			m.cell[i+k] = int32(binary.LittleEndian.Uint32(buf[4*k:]))
		}
		i += n
	}
	want := sum.Sum32()
	if _, err := io.ReadFull(r, buf[:4]); err != nil {
		return nil, short(err)
	}
	if binary.LittleEndian.Uint32(buf) != want {
		return nil, fmt.Errorf("checksum: %w", ErrModel)
	}
	m.taken = append([]int32(nil), m.cell...)
	m.takenHam, m.takenSpam = m.ham, m.spam
	return m, nil
}

func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it ends too early: %w", ErrModel)
	}
	return err
}
