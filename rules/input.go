package rules

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
)

// Facts are what conditions are about. Functions are asked only where a condition needs them,
// once; nil ones answer nothing.
type Facts struct {
	ClientIP    netip.Addr
	ClientName  func() string // confirmed by the DNS
	Helo        string
	Sender      string   // folded as mail.Path does it
	Recipients  []string // so too
	Author      func() string
	Texts       *Texts // nil: there is no content
	Attachments func() ([]Attachment, error)
	Size        int64
	Score       float64
	Country     func() string // ISO 3166, two letters
	Finding     func(entry string) string
}

// An Attachment is one as conditions see it.
type Attachment struct {
	Name   string `expr:"name"` // decoded
	Type   string `expr:"type"` // MIME, lower case
	Size   int    `expr:"size"` // octets, decoded
	SHA256 string `expr:"sha256"`
	Kind   string `expr:"kind"` // by its content
}

// An Input is the facts of one message for any number of conditions, one after the other.
type Input struct {
	facts Facts
	known map[string]any
	look  int // octets of text that this evaluation has looked at
}

// NewInput makes an input of facts.
func NewInput(f Facts) *Input { return &Input{facts: f, known: map[string]any{}} }

// Add adds points to the score that conditions see.
func (in *Input) Add(points float64) { in.facts.Score += points }

// Texts are those of the message.
func (in *Input) Texts() *Texts { return in.facts.Texts }

// maxLook bounds what one evaluation looks at, in octets of text; regular expressions count
// as in maxWork.
const maxLook = 64 << 20

var errTooMuch = errors.New("the message has more text than one condition may look at")

// looks counts octets.
func (in *Input) looks(octets int) error {
	if in.look += octets; in.look > maxLook {
		return errTooMuch
	}
	return nil
}

// once returns what f says, asking once for a key.
func once[T any](in *Input, key string, f func() T) T {
	if v, ok := in.known[key].(T); ok {
		return v
	}
	v := f()
	in.known[key] = v
	return v
}

// texts are the parts of a place.
func (in *Input) texts(w Where) []string {
	if in.facts.Texts == nil {
		return nil
	}
	return in.facts.Texts.strings(w)
}

// text is the parts of a place as one text.
func (in *Input) text(w Where) string {
	return once(in, "text "+string(w), func() string { return strings.Join(in.texts(w), "\n") })
}

// joined are the words of a place that had been split into letters.
func (in *Input) joined(w Where) string {
	return once(in, "joined "+string(w), func() string {
		if in.facts.Texts == nil {
			return ""
		}
		var all []byte
		for _, text := range in.facts.Texts.In(w) {
			all = append(all, text.Joined...)
		}
		return string(all)
	})
}

func (in *Input) word(key string, f func() string) string {
	return once(in, key, func() string {
		if f == nil {
			return ""
		}
		return strings.ToLower(f())
	})
}

// matches runs an expression over a text.
func (in *Input) matches(text string, e *expression) (bool, error) {
	for _, must := range e.musts {
		if err := in.looks(len(text) / 8); err != nil {
			return false, err
		}
		if !strings.Contains(text, string(must)) {
			return false, nil
		}
	}
	if err := in.looks(8 * e.cost * len(text)); err != nil {
		return false, err
	}
	return e.re.MatchString(text), nil
}

// An env is what the library sees of an Input: its methods are the names of a condition, and
// what operators become.
type env struct{ in *Input }

// methodOf returns the method that a name in a condition stands for.
func methodOf(name string) string {
	return map[string]string{
		"helo": "Helo", "sender": "Sender", "recipients": "Recipients", "author": "Author", "subject": "Subject", "body": "Body", "html": "HTML",
		"urls": "URLs", "attachments": "Attachments", "size": "Size", "score": "Score", "country": "Country", "header": "Header", "finding": "Finding",
	}[name]
}

func (e *env) ClientIP() string {
	if a := e.in.facts.ClientIP; a.IsValid() {
		return a.String()
	}
	return ""
}

func (e *env) ClientName() string   { return e.in.word("client.name", e.in.facts.ClientName) }
func (e *env) Helo() string         { return strings.ToLower(e.in.facts.Helo) }
func (e *env) Sender() string       { return e.in.facts.Sender }
func (e *env) Recipients() []string { return e.in.facts.Recipients }
func (e *env) Author() string       { return e.in.word("author", e.in.facts.Author) }
func (e *env) Subject() string      { return e.in.text(Subject) }
func (e *env) Body() string         { return e.in.text(Body) }
func (e *env) HTML() string         { return e.in.text(HTML) }
func (e *env) URLs() []string       { return e.in.texts(URL) }
func (e *env) Size() int            { return int(e.in.facts.Size) }
func (e *env) Score() float64       { return e.in.facts.Score }
func (e *env) Country() string      { return e.in.word("country", e.in.facts.Country) }

// Header returns the values of all fields of that name, a line each.
func (e *env) Header(name string) string { return e.in.text(Header(name)) }

func (e *env) Finding(entry string) string {
	return e.in.word("finding "+entry, func() string {
		if e.in.facts.Finding == nil {
			return ""
		}
		return e.in.facts.Finding(entry)
	})
}

func (e *env) Attachments() ([]Attachment, error) {
	if e.in.facts.Attachments == nil {
		return nil, nil
	}
	type answer struct {
		list []Attachment
		err  error
	}
	a := once(e.in, "attachments", func() (a answer) {
		a.list, a.err = e.in.facts.Attachments()
		for i := range a.list {
			a.list[i].Name, a.list[i].Type = Fold(a.list[i].Name), strings.ToLower(a.list[i].Type)
		}
		return a
	})
	return a.list, a.err
}

func (e *env) Contains(text, part string) (bool, error) {
	return strings.Contains(text, part), e.in.looks(len(text))
}

// Says is Contains for the text of a place, in which words may be split into letters.
func (e *env) Says(text, part string, w Where) (bool, error) {
	if found, err := e.Contains(text, part); found || err != nil {
		return found, err
	}
	return e.Contains(e.in.joined(w), part)
}

func (e *env) Starts(text, part string) (bool, error) {
	return strings.HasPrefix(text, part), e.in.looks(len(part))
}

func (e *env) Ends(text, part string) (bool, error) {
	return strings.HasSuffix(text, part), e.in.looks(len(part))
}

func (e *env) Matches(text string, x *expression) (bool, error) { return e.in.matches(text, x) }

func (e *env) Networks(_ string, networks []netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(e.in.facts.ClientIP) })
}
