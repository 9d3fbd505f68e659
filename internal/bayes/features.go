package bayes

import (
	"fmt"
	"math/bits"

	"gatepost/internal/mail"
)

// Bounds of what is looked at in a message, in octets.
const (
	maxValue      = 1000  // of one field of the header
	maxHead       = 16000 // of all of them
	maxFields     = 500   // their number
	maxTag        = 200   // of a tag of HTML
	maxParts      = 2000  // of the lines that describe parts
	maxGrams      = 4000  // of the rest, for 4-grams
	maxWords      = 6000  // of the rest, for words
	maxFieldGrams = 6000  // of the header, for 4-grams
	maxWord       = 40    // of a word; what is longer is none
	maxLinks      = 50    // links, and names of files, that are looked at
)

// A family is features of one kind. Each is judged on its own: what the text has many of would
// drown what the header has few of.
type family int

const (
	headGrams  family = iota // 4-grams of fields' values, each field's apart from the others'
	headWords                // words, each with its field's name
	headShapes               // how the header is made
	textGrams                // 4-grams of what there is to read and of HTML, and how it is made
	textWords                // words of that, as written and in lower case, and how it is made
	families
)

// Features are what of a message counts: places in the tables, and the text that they were made of, from
// which Explain finds their names again. They do not change any more.
type Features struct {
	lists  [families][]uint32 // rising
	source source
}

// Of reads the features of a message: the shape of its header, the decoded text of its fields, its MIME
// structure, what there is to read in it, what is hidden, where links lead, kinds and names of
// attachments. It fails where the content can't be read.
func Of(m *mail.Message) (*Features, error) {
	f := &Features{source: read(m)}
	if err := m.Err(); err != nil {
		return nil, fmt.Errorf("bayes: read message: %w", err)
	}
	c := collector{lists: &f.lists}
	c.collect(&f.source)
	for i := range f.lists {
		f.lists[i] = once(f.lists[i])
	}
	return f, nil
}

// Cut reports whether the message has more text than was looked at.
func (f *Features) Cut() bool { return f.source.cut }

// A collector gathers features.
type collector struct {
	lists *[families][]uint32
	// named, unless it is nil, is told the name of each word and shape, or of those alone that are wanted.
	named  func(fam family, h uint32, name string)
	wanted func(fam family, h uint32) bool
}

func (c *collector) collect(s *source) {
	if c.named == nil {
		c.room(s)
		c.grams(s)
	}
	c.headWords(s)
	c.textWords(s)
	c.shapes(s)
}

// room makes room for as many features as there may be.
func (c *collector) room(s *source) {
	head := 0
	for _, f := range s.fields {
		head += len(f.value) + 1
	}
	c.lists[headGrams] = make([]uint32, 0, head)
	c.lists[textGrams] = make([]uint32, 0, min(len(s.text), maxGrams)+256)
	c.lists[headWords] = make([]uint32, 0, head/4)
	c.lists[textWords] = make([]uint32, 0, min(len(s.text), maxWords)/3+256)
	c.lists[headShapes] = make([]uint32, 0, 256)
}

// once turns hashes into places in a table, rising and each once.
func once(list []uint32) []uint32 {
	var seen [entries / 64]uint64
	for _, h := range list {
		h %= entries
		seen[h/64] |= 1 << (h % 64)
	}
	out := list[:0]
	for i, word := range seen {
		for ; word != 0; word &= word - 1 {
			out = append(out, uint32(i*64+bits.TrailingZeros64(word)))
		}
	}
	return out
}

const basis uint32 = 2166136261

// hash is FNV-1a.
func hash[T string | []byte](h uint32, s T) uint32 {
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

// final spreads what is known of a hash over all its bits.
func final(h uint32) uint32 {
	h ^= h >> 15
	h *= 0x2c1b3c6d
	h ^= h >> 12
	h *= 0x297a2d39
	h ^= h >> 15
	return h
}
