package bulk

import (
	"crypto/sha256"
	"net/url"
	"slices"
	"strings"
	"sync"

	"gatepost/internal/mail"
	"gatepost/internal/sketch"
)

const (
	// MinWords is how many words a text has to have to be known by a sketch, and to be counted. Shorter
	// ones, "thank you" and the like, are written by many.
	MinWords = 15
	// minShort is how many words, with the subject's and the hosts that it leads to, a short
	// message has to have to get a checksum.
	minShort = 8
)

// A Sum is the checksum of a message in its normal form, of 160 bits.
type Sum [20]byte

// IsZero reports whether there is none.
func (s Sum) IsZero() bool { return s == Sum{} }

// A Fingerprint is by what a message is known again.
type Fingerprint struct {
	Sum    Sum // zero where there is next to no text
	Sketch sketch.Sketch
	Short  bool // the text is too short to be counted: there is no Sketch, and Sum is one of subject and links, too
	Quoted bool // see Normal
	Cut    bool // see Normal
}

// Of makes a message's fingerprint; see Normalise. The subject of a longer text does not count: it changes from copy to copy.
// Words, and pairs of them, are the shingles of the sketch.
func Of(m *mail.Message, fold func(string) string) Fingerprint {
	return of(m, fold, &Words{})
}

// maxKept is how large the memory for a text may be, in letters, to be kept for the next.
const maxKept = 32 << 10

// A Maker makes fingerprints as Of does, each in the memory of one before. Many goroutines may use it at a time; the
// zero Maker is ready.
type Maker struct{ rooms sync.Pool } // of *Words

// Of is the package's Of.
func (k *Maker) Of(m *mail.Message, fold func(string) string) Fingerprint {
	room, ok := k.rooms.Get().(*Words)
	if !ok {
		room = &Words{}
	}
	f := of(m, fold, room)
	if cap(room.letters) <= maxKept {
		k.rooms.Put(room)
	}
	return f
}

// of makes a fingerprint in room, which is not part of it, and leaves there what it took.
func of(m *mail.Message, fold func(string) string, room *Words) Fingerprint {
	n := normalise(m, fold, *room)
	*room = n.Body
	f := Fingerprint{Quoted: n.Quoted, Cut: n.Cut}
	if n.Body.Len() < MinWords {
		f.Short = true
		f.Sum = n.short(m, fold)
		return f
	}
	f.Sum = sumOf(n.Body.letters)
	f.Sketch = sketch.OfWords(n.Body.numbers[:min(n.Body.Len(), sketch.MaxShingles)])
	return f
}

// short is the checksum of a short message: of its subject and what it links to, too. It is zero
// where all that is next to nothing.
func (n *Normal) short(m *mail.Message, fold func(string) string) Sum {
	subject, hosts := n.subject(m, fold), hosts(m.Extract().URLs())
	if n.Body.Len()+min(subject.Len(), minShort)+len(hosts) < minShort {
		return Sum{}
	}
	return sumOf([]byte(strings.Join([]string{"short", subject.String(), n.Body.String(), strings.Join(hosts, " ")}, "\n")))
}

func sumOf(text []byte) (s Sum) {
	h := sha256.Sum256(text)
	copy(s[:], h[:])
	return s
}

// maxHosts bounds the hosts of a short message that count.
const maxHosts = 20

// hosts are the names that links lead to, in order, each once: paths and queries change from copy to copy.
func hosts(links []string) (names []string) {
	for _, l := range links[:min(len(links), 10*maxHosts)] {
		if !strings.Contains(l, "://") {
			l = "http://" + l
		}
		if u, err := url.Parse(l); err == nil && u.Hostname() != "" {
			names = append(names, strings.ToLower(u.Hostname()))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), maxHosts)]
}
