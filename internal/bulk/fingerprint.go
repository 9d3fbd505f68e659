package bulk

import (
	"crypto/sha256"
	"net/url"
	"slices"
	"strings"

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

// Of makes a message's fingerprint; see Normalise.
func Of(m *mail.Message, fold func(string) string) Fingerprint {
	return Normalise(m, fold).fingerprint(m.Extract().URLs)
}

// fingerprint makes the fingerprint of a message in its normal form, with what it links to. The subject of a longer text does not count: it changes from copy to copy.
// Words, and pairs of them, are the shingles of the sketch.
func (n Normal) fingerprint(links func() []string) Fingerprint {
	f := Fingerprint{Quoted: n.Quoted, Cut: n.Cut}
	words := sketch.Words(n.Body, sketch.MaxShingles)
	if len(words) < MinWords {
		f.Short = true
		hosts := hosts(links())
		if len(words)+len(sketch.Words(n.Subject, minShort))+len(hosts) >= minShort {
			f.Sum = sumOf("short", n.Subject, n.Body, strings.Join(hosts, " "))
		}
		return f
	}
	f.Sum = sumOf(strings.ReplaceAll(n.Body, " ", ""))
	shingles := sketch.AppendRuns(make([]uint64, 0, 2*len(words)), words, 1)
	f.Sketch = sketch.Of(sketch.AppendRuns(shingles, words, 2))
	return f
}

func sumOf(texts ...string) (s Sum) {
	h := sha256.Sum256([]byte(strings.Join(texts, "\n")))
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
