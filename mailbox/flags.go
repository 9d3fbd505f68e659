package mailbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A System is a set of the flags that every server knows (RFC 9051 §2.3.2).
// Its numbers are kept in the store and do not change.
type System uint8

// The system flags. \Recent is not one: this store, like IMAP4rev2, has none.
const (
	Seen System = 1 << iota
	Answered
	Flagged
	Deleted
	Draft
)

// systemNames are in the order of the bits.
var systemNames = [...]string{`\Seen`, `\Answered`, `\Flagged`, `\Deleted`, `\Draft`}

// Bounds of a message's keywords.
const (
	MaxKeyword  = 64 // octets of one
	MaxKeywords = 64 // of one message
)

// ErrFlag: a flag that can't be kept.
var ErrFlag = errors.New("not a flag")

// Flags are what is said about one message: system flags and keywords. It is
// a value, compared with ==: Keywords holds each keyword once, whatever its case,
// in order, with one space between two.
type Flags struct {
	System   System
	Keywords string
}

// ParseFlags reads names as a client writes them: `\Seen`, "$Forwarded". \Recent
// is passed over, since no client may set it (RFC 3501 §2.3.2). The error's cause
// is ErrFlag.
func ParseFlags(names []string) (Flags, error) {
	var f Flags
	var words []string
	for _, name := range names {
		switch s := systemFlag(name); {
		case s != 0:
			f.System |= s
		case strings.EqualFold(name, `\Recent`):
		case isKeyword(name):
			words = append(words, name)
		default:
			return Flags{}, fmt.Errorf("%w: %q", ErrFlag, name)
		}
	}
	f.Keywords = joinKeywords(words)
	return f, f.check()
}

func (f Flags) check() error {
	if f.Keywords != "" && strings.Count(f.Keywords, " ") >= MaxKeywords {
		return fmt.Errorf("%w: more than %d keywords", ErrFlag, MaxKeywords)
	}
	return nil
}

// systemFlag returns the flag of that name, 0 where there is none.
func systemFlag(name string) System {
	for i, s := range systemNames {
		if strings.EqualFold(name, s) {
			return 1 << i
		}
	}
	return 0
}

// isKeyword reports whether s is an atom (RFC 9051 §9, flag-keyword).
func isKeyword(s string) bool {
	if s == "" || len(s) > MaxKeyword {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`(){%*"\]`, c) >= 0 {
			return false
		}
	}
	return true
}

// joinKeywords puts words into the one form that Flags.Keywords has.
func joinKeywords(words []string) string {
	if len(words) == 0 {
		return ""
	}
	slices.SortStableFunc(words, compareFold)
	words = slices.CompactFunc(words, strings.EqualFold)
	return strings.Join(words, " ")
}

func compareFold(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }

func (f Flags) keywords() []string { return strings.Fields(f.Keywords) }

// Has reports whether the flag of that name is set, a system flag or a keyword.
func (f Flags) Has(name string) bool {
	if s := systemFlag(name); s != 0 {
		return f.System&s != 0
	}
	for w := range strings.FieldsSeq(f.Keywords) {
		if strings.EqualFold(w, name) {
			return true
		}
	}
	return false
}

// Names returns the flags as clients write them, system flags first.
func (f Flags) Names() []string {
	var names []string
	for i, s := range systemNames {
		if f.System&(1<<i) != 0 {
			names = append(names, s)
		}
	}
	return append(names, f.keywords()...)
}

// Append adds the names, one space between two, to b.
func (f Flags) Append(b []byte) []byte {
	start := len(b)
	for i, s := range systemNames {
		if f.System&(1<<i) != 0 {
			b = append(append(b, s...), ' ')
		}
	}
	if f.Keywords != "" {
		return append(b, f.Keywords...)
	}
	if len(b) > start {
		b = b[:len(b)-1]
	}
	return b
}

// A FlagChange is what STORE asks for (RFC 9051 §6.4.6).
type FlagChange struct {
	How   How
	Flags Flags
	// UnchangedSince, when Guarded, leaves alone what has a higher MODSEQ
	// (RFC 7162 §3.1.3).
	UnchangedSince ModSeq
	Guarded        bool
	Fixed          Fixed // flags that stay as they are
}

// How says what a FlagChange does with its Flags.
type How uint8

// The ways to change flags.
const (
	Replace How = iota
	Add
	Remove
)

// Apply returns f after the change. The error's cause is ErrFlag.
func (c FlagChange) Apply(f Flags) (Flags, error) {
	old := f
	switch c.How {
	case Add:
		f.System |= c.Flags.System
		f.Keywords = joinKeywords(append(f.keywords(), c.Flags.keywords()...))
	case Remove:
		f.System &^= c.Flags.System
		f.Keywords = joinKeywords(slices.DeleteFunc(f.keywords(), c.Flags.Has))
	default:
		f = c.Flags
	}
	f = c.Fixed.keep(old, f)
	return f, f.check()
}
