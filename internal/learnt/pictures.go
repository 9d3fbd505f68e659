package learnt

import "math/bits"

const (
	bands    = 4
	bandBits = 64 / bands
	bandMask = 1<<bandBits - 1
	// MaxDistance is up to which distance pictures are found: of that many bits in four
	// bands one band has one at most.
	MaxDistance = 2*bands - 1
)

// pictures finds hashes that differ from another in few bits. Each stands in four tables,
// by each sixteen bits of it; a look-up asks for those with the same sixteen, and for those with one bit
// flipped in them. Of a million random hashes about a thousand are compared.
type pictures struct {
	tables [bands]map[uint16][]uint64
	count  int
}

func band(hash uint64, n int) uint16 { return uint16(hash >> (n * bandBits) & bandMask) }

// put adds a hash, which must not be in.
func (p *pictures) put(hash uint64) {
	for n := range p.tables {
		if p.tables[n] == nil {
			p.tables[n] = map[uint16][]uint64{}
		}
		b := band(hash, n)
		p.tables[n][b] = append(p.tables[n][b], hash)
	}
	p.count++
}

// drop takes a hash out, if it is in.
func (p *pictures) drop(hash uint64) {
	found := false
	for n := range p.tables {
		b := band(hash, n)
		list := p.tables[n][b]
		for i, h := range list {
			if h == hash {
				last := len(list) - 1
				list[i] = list[last]
				p.tables[n][b] = list[:last]
				found = true
				break
			}
		}
		if len(p.tables[n][b]) == 0 {
			delete(p.tables[n], b)
		}
	}
	if found {
		p.count--
	}
}

// nearest returns the hash that differs least, in distance bits at most; of several
// the smallest number.
func (p *pictures) nearest(hash uint64, distance int) (best uint64, ok bool) {
	distance = min(distance, MaxDistance)
	for n := range p.tables {
		if p.tables[n] == nil {
			return 0, false
		}
		b := band(hash, n)
		best, distance, ok = closer(p.tables[n][b], hash, best, distance, ok)
		for bit := range bandBits {
			best, distance, ok = closer(p.tables[n][b^1<<bit], hash, best, distance, ok)
		}
	}
	return best, ok
}

// closer looks through a list for what is nearer than the best so far.
func closer(list []uint64, hash, best uint64, distance int, ok bool) (uint64, int, bool) {
	for _, h := range list {
		d := bits.OnesCount64(h ^ hash)
		if d < distance || d == distance && (!ok || h < best) {
			best, distance, ok = h, d, true
		}
	}
	return best, distance, ok
}
