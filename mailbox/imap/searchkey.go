package imap

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"gatepost/internal/blob"
	"gatepost/internal/mail"
	"gatepost/mailbox"
)

// An answer of a key: it may need more of the message than is at hand.
type answer uint8

const (
	never answer = iota
	unknown
	yes
)

func answerOf(b bool) answer {
	if b {
		return yes
	}
	return never
}

// A stage says how much of a message is at hand, each with those before it.
type stage uint8

const (
	memory  stage = iota // UID and flags
	row                  // the store's row
	content              // the message itself
)

// A candidate is a message under examination.
type candidate struct {
	place   int
	entry   entry
	part    stage
	row     *mailbox.Message
	message *mail.Message
	blob    blob.Content
	whole   *[]byte // what message is of, if it is in memory
}

// maxWhole is how large a message may be to be looked through in memory.
const maxWhole = 256 << 10

// open brings the message at hand, in memory from wholes unless it is large; nil: where it is.
func (m *candidate) open(ctx context.Context, bodies Bodies, wholes *sync.Pool) error {
	c, err := bodies.Open(ctx, blob.ID(m.row.Blob))
	if err != nil {
		return err
	}
	m.blob, m.part = c, content
	m.message = m.row.View.Message(mail.NewSpooled(c, c.Size()))
	if wholes == nil || m.message.Size() > maxWhole {
		return nil
	}
	if m.whole, _ = wholes.Get().(*[]byte); m.whole == nil {
		m.whole = new([]byte)
	}
	b := slices.Grow((*m.whole)[:0], int(m.message.Size()))[:m.message.Size()]
	*m.whole = b
	if n, err := m.message.ReadAt(b, 0); n < len(b) {
		m.close(wholes)
		return fmt.Errorf("%d octets of %d: %w", n, len(b), err)
	}
	m.message = mail.NewMessage(b)
	return nil
}

func (m *candidate) close(wholes *sync.Pool) {
	m.blob.Close()
	if m.whole != nil {
		wholes.Put(m.whole)
		m.message, m.whole = nil, nil
	}
}

// A key is one condition of a SEARCH, or a tree of them.
type key interface {
	// match looks at the message as far as it is at hand.
	match(m *candidate) answer
	// needs says how much of the rows match may want.
	needs() mailbox.Part
}

// allOf, anyOf and not are the trees.
type (
	allOf []key
	anyOf []key
	not   struct{ key }
)

func (k allOf) match(m *candidate) answer {
	result := yes
	for _, sub := range k {
		if result = min(result, sub.match(m)); result == never {
			return never
		}
	}
	return result
}

func (k anyOf) match(m *candidate) answer {
	result := never
	for _, sub := range k {
		if result = max(result, sub.match(m)); result == yes {
			return yes
		}
	}
	return result
}

func (k not) match(m *candidate) answer { return yes - k.key.match(m) }

func (k allOf) needs() mailbox.Part { return needsOf(k) }
func (k anyOf) needs() mailbox.Part { return needsOf(k) }

func needsOf(keys []key) (part mailbox.Part) {
	for _, k := range keys {
		part |= k.needs()
	}
	return part
}

// A test is a key without others in it: what it looks at, and how.
type test struct {
	at stage
	f  func(m *candidate) bool
	// part is what of the row f looks at.
	part mailbox.Part
	// text, folded, is in a text of every message that f fits; "": f fits others too.
	text string
}

func (t test) match(m *candidate) answer {
	if m.part < t.at {
		return unknown
	}
	return answerOf(t.f(m))
}

func (t test) needs() mailbox.Part {
	if t.at == content {
		return t.part | mailbox.Content
	}
	return t.part
}

// shortestText is how many octets a text must have for the index of texts to know of it.
const shortestText = 3

// textOf is what all that k fits have in their texts; false where that is nothing.
func textOf(k key) (q mailbox.TextQuery, ok bool) {
	switch k := k.(type) {
	case test:
		return mailbox.TextQuery{Text: k.text}, len(k.text) >= shortestText
	case allOf:
		for _, sub := range k {
			if of, ok := textOf(sub); ok {
				q.All = append(q.All, of)
			}
		}
		return q, len(q.All) > 0
	case anyOf:
		for _, sub := range k {
			of, ok := textOf(sub)
			if !ok {
				return q, false
			}
			q.Any = append(q.Any, of)
		}
		return q, len(q.Any) > 0
	}
	return q, false
}
