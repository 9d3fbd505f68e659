// Package fingerprint knows again the text of documents that are not to leave: those that a
// domain's admin has marked confidential. Of a document it keeps hashes of some of its
// shingles (runs of five words), and not the text: what a message has of them says how
// much of the document is in it.
//
//	doc := fingerprint.Of("example.org", "plan.docx", text)
//	matches := memory.Find("example.org", fingerprint.Shingles(text))
//
// Rows are the truth; a Memory follows them.
package fingerprint

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"gatepost/internal/sketch"
)

const (
	words = 5 // of a shingle
	// sampled: one shingle in so many is kept, the same ones of every text.
	sampled = 4
	// MaxShingles bounds those of one document.
	MaxShingles = 4000
	// MaxDocuments bounds the documents of all domains.
	MaxDocuments = 500
	// MinShingles is how many a document must have to be known again.
	MinShingles = 10
)

// A Document is one that is not to leave.
type Document struct {
	ID       int64
	Domain   string // whose mail it is looked for in; "": everybody's
	Name     string
	Shingles []uint64 // sorted
	Added    time.Time
}

// Of makes a document of its text.
func Of(domain, name, text string) Document {
	list := Shingles(text)
	return Document{Domain: strings.ToLower(domain), Name: name, Shingles: list[:min(len(list), MaxShingles)]}
}

// Shingles returns the sampled shingles of a text, sorted, each once. Case, numbers and what stands
// between words are no matter.
func Shingles(text string) (list []uint64) {
	var b strings.Builder
	b.Grow(len(text))
	for w := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) }) {
		b.WriteString(w)
		b.WriteByte(' ')
	}
	for _, h := range sketch.Shingles(b.String(), words) {
		if h>>7%sampled == 0 {
			list = append(list, h)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Rows keeps documents. The store implements it.
type Rows interface {
	// Add keeps a document and returns its ID.
	Add(ctx context.Context, d Document) (int64, error)
	// Remove removes one, and reports whether it was there.
	Remove(ctx context.Context, id int64) (bool, error)
	// Load returns all documents by ID; those that were known are handed back without their shingles where
	// shingles is false.
	Load(ctx context.Context, shingles bool) ([]Document, error)
}

// A Memory finds documents in texts. It is safe for use by many goroutines. The zero Memory
// knows none.
type Memory struct {
	mu   sync.RWMutex
	docs []Document
	by   map[uint64][]int // shingle -> indices of docs
}

// A Match is a document of which a text has something.
type Match struct {
	Document Document // without its shingles
	Found    int      // shingles of it in the text
	Share    float64  // of its shingles, 0 to 1
}

// Find returns the documents of a domain, and of all, that have shingles of a text, the greatest
// share first.
func (m *Memory) Find(domain string, shingles []uint64) (list []Match) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	found := map[int]int{}
	for _, h := range shingles {
		for _, i := range m.by[h] {
			found[i]++
		}
	}
	for i, n := range found {
		d := m.docs[i]
		if d.Domain != "" && !strings.EqualFold(d.Domain, domain) {
			continue
		}
		share := float64(n) / float64(len(d.Shingles))
		d.Shingles = nil
		list = append(list, Match{d, n, share})
	}
	slices.SortFunc(list, func(a, b Match) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Document.ID, b.Document.ID))
	})
	return list
}

// Len returns how many documents are known.
func (m *Memory) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.docs)
}

// Set puts documents in the place of those that are known.
func (m *Memory) Set(docs []Document) {
	by := map[uint64][]int{}
	for i, d := range docs {
		for _, h := range d.Shingles {
			by[h] = append(by[h], i)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.docs, m.by = docs, by
}

// Follow reads the rows where their documents are others than those that are known.
func (m *Memory) Follow(ctx context.Context, rows Rows) error {
	list, err := rows.Load(ctx, false)
	if err != nil {
		return fmt.Errorf("fingerprint: follow: %w", err)
	}
	m.mu.RLock()
	same := slices.EqualFunc(list, m.docs, func(a, b Document) bool { return a.ID == b.ID })
	m.mu.RUnlock()
	if same {
		return nil
	}
	if list, err = rows.Load(ctx, true); err != nil {
		return fmt.Errorf("fingerprint: follow: %w", err)
	}
	m.Set(list)
	return nil
}
