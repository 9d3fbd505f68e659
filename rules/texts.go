package rules

import (
	"sync"

	"gatepost/internal/mail"
)

// A Text is one text of a message in the one form. Both are not to be changed.
type Text struct {
	Folded []byte // as Fold makes it
	Joined []byte // the words in it that had been split into letters, a line each
}

// Texts are the parts of a message in the one form. Each part is folded when it is first asked
// for, once, whoever asks: share one Texts among all that look at a message. It may be used by
// many goroutines, and needs about as much memory as the parts that were asked for.
type Texts struct {
	parts Parts
	mu    sync.Mutex
	known map[Where]func() []Text
	words map[Where]func() []string
	holds map[*Condition]answer // of conditions that are the same on all walks
}

// answer is what a condition said.
type answer struct {
	holds bool
	err   error
}

// Of returns the texts of a message.
func Of(m *mail.Message) *Texts { return New(PartsOf(m)) }

// New returns texts of parts, which are asked once for each place.
func New(parts Parts) *Texts {
	return &Texts{parts: parts, known: map[Where]func() []Text{}, words: map[Where]func() []string{}, holds: map[*Condition]answer{}}
}

// In returns the texts of a place, those that are empty left out.
func (t *Texts) In(w Where) []Text {
	t.mu.Lock()
	f := t.known[w]
	if f == nil {
		f = sync.OnceValue(func() []Text { return t.fold(w) })
		t.known[w] = f
	}
	t.mu.Unlock()
	return f()
}

func (t *Texts) fold(w Where) (texts []Text) {
	for _, s := range t.parts(w) {
		if s == "" {
			continue
		}
		folded := fold(make([]byte, 0, len(s)+16), s)
		joined := rejoin(nil, folded)
		texts = append(texts, Text{Folded: spaced(folded), Joined: joined})
	}
	return texts
}

// strings returns the folded texts of a place as conditions have them, made once.
func (t *Texts) strings(w Where) []string {
	t.mu.Lock()
	f := t.words[w]
	if f == nil {
		f = sync.OnceValue(func() (list []string) {
			for _, text := range t.In(w) {
				list = append(list, string(text.Folded))
			}
			return list
		})
		t.words[w] = f
	}
	t.mu.Unlock()
	return f()
}

// said returns what a condition said of the message before.
func (t *Texts) said(c *Condition) (answer, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a, ok := t.holds[c]
	return a, ok
}

func (t *Texts) say(c *Condition, a answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holds[c] = a
}
