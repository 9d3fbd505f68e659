package smtpd

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// What is read is what one large buffer would give, however it comes in and whichever buffer it
// passes: lines up to that buffer's size, and content between them.
func TestReadahead(t *testing.T) {
	var pool sync.Pool
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var sent []byte
		for range 20 {
			n := []int{r.IntN(40), narrowBuffer - 3 + r.IntN(6), r.IntN(readBuffer - 1)}[r.IntN(3)]
			sent = append(append(sent, strings.Repeat("x", n)...), '\n')
		}
		source := io.Reader(bytes.NewReader(sent))
		if r.IntN(2) == 0 {
			source = iotest.HalfReader(source)
		}
		got := newReadahead(source, &pool)
		want := bufio.NewReaderSize(bytes.NewReader(sent), readBuffer)
		for {
			if r.IntN(3) == 0 {
				got.widen()
				n := r.IntN(3000)
				a, b := make([]byte, n), make([]byte, n)
				i, _ := io.ReadFull(got, a)
				j, _ := io.ReadFull(want, b)
				if i != j || !bytes.Equal(a, b) {
					t.Fatalf("seed %d: content differs", seed)
				}
			}
			a, aerr := got.line()
			b, berr := want.ReadSlice('\n')
			if !bytes.Equal(a, b) || !errors.Is(aerr, berr) {
				t.Fatalf("seed %d: a line of %d octets, %v; want %d, %v", seed, len(a), aerr, len(b), berr)
			}
			if berr != nil {
				break
			}
		}
		if got.tighten(); got.Reader != got.narrow {
			t.Fatalf("seed %d: an empty large buffer is kept", seed)
		}
	}
}

// A line that is too long for either is refused as such.
func TestReadaheadLongLine(t *testing.T) {
	r := newReadahead(strings.NewReader(strings.Repeat("x", 2*readBuffer)), new(sync.Pool))
	if b, err := r.line(); len(b) != readBuffer || !errors.Is(err, bufio.ErrBufferFull) {
		t.Errorf("got %d octets, %v", len(b), err)
	}
}
