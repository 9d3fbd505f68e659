package rules

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"sort"
	"strings"
)

// An index finds which of many words begin at a place of a text, in a time that hardly
// depends on how many there are: a hash of the text's next octets says with one bit
// whether any word begins so, and only then is there more to look at (the idea of Karp and
// Rabin, "Efficient randomized pattern-matching algorithms", 1987, for sets of words as by Wu and
// Manber, 1994). An automaton (Aho and Corasick, 1975) would take one step an octet too,
// but for 10,000 words each step is in another place of a table of 20 MB: measured, 15 times
// slower than for 100. The bits stay in the processor's nearest cache.
type index struct {
	levels []level              // by how many octets are hashed, upwards, none of which is empty
	pairs  [1 << 16 / 64]uint64 // by two octets: some word begins so
	words  []string
	within []int32 // by word: the longest other with which it begins, in the same bucket; or -1
}

// A level has the words that are at least so long, and shorter than the next level's. Words
// whose hashes share all but their last three bits are in one bucket, sorted.
type level struct {
	size    int
	shift   uint
	bits    []uint64 // by hash, two each: own, and longer
	buckets []int32  // by hash without its last three bits: where the bucket begins in entries
	entries []entry
}

// An entry has what tells its word from nearly all texts with which it does not agree, so that
// the word itself, which lies elsewhere in memory, is seldom looked at in vain.
type entry struct {
	next uint64 // the word's octets behind those that are hashed, eight at most, the first one lowest
	mask uint64 // which of them there are
	tag  uint32 // of the hash
	word int32
}

// eight returns the first eight octets of b, the first one lowest; 0 for those that it lacks.
func eight[T string | []byte](b T) (n uint64) {
	for i := range min(len(b), 8) {
		n |= uint64(b[i]) << (8 * i)
	}
	return n
}

// few is the size up to which a bucket is gone through.
const few = 8

// sizes are the octets that are hashed, a level each.
func sizes() [6]int { return [...]int{1, 2, 4, 8, 16, 32} }

// newIndex makes an index of the words, which are not empty. Words may be doubled.
func newIndex(words []string) *index {
	x := &index{words: words, within: make([]int32, len(words))}
	sizes := sizes()
	var of [len(sizes)][]int32
	for i, w := range words {
		x.pair(w)
		k := min(bits.Len(uint(len(w)))-1, len(sizes)-1)
		of[k] = append(of[k], int32(i))
	}
	higher := []int32(nil)
	for k := len(sizes) - 1; k >= 0; k-- {
		if words := of[k]; len(words) > 0 {
			x.levels = append(x.levels, x.level(sizes[k], words, higher))
			higher = append(higher, words...)
		}
	}
	slices.Reverse(x.levels)
	return x
}

// pair notes with which two octets a word begins; behind one of a single octet stands any.
func (x *index) pair(word string) {
	for second := range 256 {
		if p := int(word[0])<<8 | second; len(word) == 1 || second == int(word[1]) {
			x.pairs[p/64] |= 1 << (p % 64)
		}
	}
}

// may reports whether a word may begin with two octets; 0 is for the text's end.
func (x *index) may(first, second byte) bool {
	p := uint(first)<<8 | uint(second)
	return x.pairs[p/64]&(1<<(p%64)) != 0
}

// What the two bits of a hash say.
const (
	own    = 1 // some word of the level begins so
	longer = 2 // some word of a higher level does
)

// says returns the bits of a hash that is shifted.
func (l *level) says(h uint64) uint64 { return l.bits[h/32] >> (h % 32 * 2) & (own | longer) }

// level makes a level of its own words, beside those of higher ones. There are eight hashes
// and more for each way in which words begin, so that of the places at which none begins about
// one in ten is looked at in vain.
func (x *index) level(size int, words, higher []int32) level {
	ways := map[string]bool{}
	for _, list := range [][]int32{words, higher} {
		for _, word := range list {
			ways[x.words[word][:size]] = true
		}
	}
	log := max(10, bits.Len(uint(len(ways)))+3)
	l := level{size: size, shift: uint(64 - log), bits: make([]uint64, 1<<log/32), buckets: make([]int32, 1<<(log-3)+1)}
	for _, word := range higher {
		h := hash(size, []byte(x.words[word])) >> l.shift
		l.bits[h/32] |= longer << (h % 32 * 2)
	}
	of := func(word int32) uint64 { return hash(size, []byte(x.words[word])) >> l.shift / 8 }
	slices.SortStableFunc(words, func(a, b int32) int {
		return cmp.Or(cmp.Compare(of(a), of(b)), strings.Compare(x.words[a], x.words[b]))
	})
	for i, word := range words {
		full := hash(size, []byte(x.words[word]))
		h := full >> l.shift
		l.bits[h/32] |= own << (h % 32 * 2)
		l.buckets[h/8+1] = int32(i + 1)
		next := x.words[word][size:]
		l.entries = append(l.entries, entry{next: eight(next), mask: 1<<(8*min(len(next), 8)) - 1, tag: uint32(full), word: word})
		x.nest(words[:i], word, func(other int32) bool { return of(other) == h/8 })
	}
	for i := 1; i < len(l.buckets); i++ {
		l.buckets[i] = max(l.buckets[i], l.buckets[i-1])
	}
	return l
}

// nest finds the word with which another begins: since they are sorted, it is the last one
// before, or one with which that begins.
func (x *index) nest(before []int32, word int32, together func(int32) bool) {
	x.within[word] = -1
	if len(before) == 0 || !together(before[len(before)-1]) {
		return
	}
	for w := before[len(before)-1]; w >= 0; w = x.within[w] {
		if strings.HasPrefix(x.words[word], x.words[w]) {
			x.within[word] = w
			return
		}
	}
}

// at appends the words with which a text begins to dst.
func (x *index) at(dst []int32, text []byte) []int32 {
	for k := range x.levels {
		l := &x.levels[k]
		if len(text) < l.size {
			return dst
		}
		full := hash(l.size, text)
		h := full >> l.shift
		says := l.says(h)
		if says&own != 0 {
			dst = x.own(dst, l, text, full)
		}
		if says&longer == 0 {
			return dst
		}
	}
	return dst
}

// own appends the level's own words with which a text of this hash begins.
func (x *index) own(dst []int32, l *level, text []byte, full uint64) []int32 {
	h := full >> l.shift / 8
	bucket := l.entries[l.buckets[h]:l.buckets[h+1]]
	if len(bucket) > few {
		return x.search(dst, bucket, text)
	}
	for i := range bucket {
		e := &bucket[i]
		if e.tag != uint32(full) || !e.goesOn(text[l.size:]) {
			continue
		}
		// Of four octets and fewer the tag is another for each, so that all of the word was compared.
		if l.size <= 4 && len(text) >= l.size+8 || begins(text, x.words[e.word]) {
			dst = append(dst, e.word)
		}
	}
	return dst
}

// goesOn reports whether a text seems to go on as the word does.
func (e *entry) goesOn(text []byte) bool {
	if len(text) < 8 {
		return (eight(text)^e.next)&e.mask == 0
	}
	return (binary.LittleEndian.Uint64(text)^e.next)&e.mask == 0
}

func begins(text []byte, word string) bool {
	return len(text) >= len(word) && string(text[:len(word)]) == word
}

// search appends the words of a large bucket with which a text begins: those with which the
// last word begins that is not behind the text in the order.
func (x *index) search(dst []int32, bucket []entry, text []byte) []int32 {
	n := sort.Search(len(bucket), func(i int) bool {
		word := x.words[bucket[i].word]
		return word > string(text[:min(len(word), len(text))])
	})
	if n == 0 {
		return dst
	}
	for w := bucket[n-1].word; w >= 0; w = x.within[w] {
		if begins(text, x.words[w]) {
			dst = append(dst, w)
		}
	}
	return dst
}

// hash returns a hash of the first size octets of b, one of sizes; its upper bits are the
// good ones.
func hash(size int, b []byte) uint64 {
	const k = 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio
	var h uint64
	switch size {
	case 1:
		h = uint64(b[0])
	case 2:
		h = uint64(binary.LittleEndian.Uint16(b))
	case 4:
		h = uint64(binary.LittleEndian.Uint32(b))
	case 8:
		h = binary.LittleEndian.Uint64(b)
	default:
		for ; size > 0; size -= 8 {
			h = bits.RotateLeft64(h*k, 29) ^ binary.LittleEndian.Uint64(b)
			b = b[8:]
		}
	}
	h ^= h >> 32
	return h * k
}

// size returns the memory that the index takes, in octets.
func (x *index) size() (octets int) {
	for _, l := range x.levels {
		octets += 8*len(l.bits) + 4*len(l.buckets) + 24*len(l.entries)
	}
	octets += 8 * len(x.pairs)
	for _, w := range x.words {
		octets += len(w) + 20
	}
	return octets
}
