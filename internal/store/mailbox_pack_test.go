package store

import (
	"math/rand/v2"
	"testing"
)

func TestChoosePacking(t *testing.T) {
	for _, c := range []struct {
		name        string
		sizes       []sizeCount
		size, least int
	}{
		{"none", nil, 0, 0},
		{"too few", []sizeCount{{64, 500}, {128, 523}}, 0, 0},
		{"one size", []sizeCount{{64, 1024}}, 64, 64},
		{"a size that wastes nothing", []sizeCount{{64, 900}, {128, 1030}, {256, 600}}, 128, 128},
		{"two sizes", []sizeCount{{64, 24}, {128, 1000}}, 128, 64},
		{"the fullest of two", []sizeCount{{64, 900}, {128, 600}, {256, 900}}, 256, 128},
		{"smaller ones that are not needed", []sizeCount{{64, 900}, {128, 224}, {256, 800}}, 256, 128},
		{"full enough", []sizeCount{{64, 512}, {128, 512}}, 128, 64},
		{"emptier", []sizeCount{{64, 513}, {128, 511}}, 0, 0},
	} {
		if size, least := choosePacking(c.sizes); size != c.size || least != c.least {
			t.Errorf("%s: %d, %d, want %d, %d", c.name, size, least, c.size, c.least)
		}
	}
}

// Each bit of each signature stands in the row of that bit, at the place of that message.
func TestBlockIsTurned(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 7, 8, 9, blockEmails} {
		const size = 256
		var list [][]byte
		for range n {
			s := make([]byte, size>>r.IntN(3))
			for i := range s {
				s[i] = byte(r.Uint32() & r.Uint32())
			}
			list = append(list, s)
		}
		parts := turn(list, size)
		for slot := range blockEmails {
			for bit := range size * 8 {
				want := false
				if slot < n {
					i := bit % (len(list[slot]) * 8)
					want = list[slot][i/8]>>(i%8)&1 != 0
				}
				if got := parts[bit/partBits][bit%partBits*blockRow+slot/8]>>(slot%8)&1 != 0; got != want {
					t.Fatalf("%d signatures, bit %d of signature %d: %v", n, bit, slot, got)
				}
			}
		}
	}
}
