package proposal

import (
	"encoding/binary"
	"hash/fnv"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gatepost/internal/mail"
)

// A Class is what is known of a message.
type Class uint8

// The classes. Their numbers are in rows.
const (
	Trap   Class = iota + 1 // it came for a trap
	Told                    // people say that it is spam
	Wanted                  // it was released, allowed, or its sender is
)

// A Sample is what is kept of a message.
type Sample struct {
	Message string // the transaction that brought it
	Person  string // who says what it is: an address, or for traps a network
	Class   Class
	Time    time.Time
	Words   string   // of spam: the runs of words that it begins with, folded, a line each
	Hosts   []string // of spam: the domains that its links lead to
	Sums    []uint32 // of wanted mail: numbers of its phrases and domains
}

// Bounds of a sample.
const (
	maxText   = 64 << 10 // octets of a text that are looked at
	maxWords  = 400      // of spam
	maxWanted = 1000     // words of wanted mail
	maxHosts  = 30
	maxName   = 320 // octets of a message's and a person's name
	maxWord   = 30  // octets
	maxHost   = 253
)

// Of takes a sample of a message. fold brings texts to the form in which patterns are compared, site returns the
// domain that somebody registered of a host's name, if it has one. A sample of nothing has neither Words, Hosts nor Sums.
func Of(m *mail.Message, class Class, fold func(string) string, site func(string) (string, bool)) Sample {
	x := m.Extract()
	most := maxWords
	if class == Wanted {
		most = maxWanted
	}
	var lines []string
	for _, text := range []string{x.Subject, x.Body()} {
		var runs []string
		runs, most = runsOf(fold(clip(text, maxText)), most)
		lines = append(lines, runs...)
	}
	s := Sample{Class: class, Words: strings.Join(lines, "\n"), Hosts: hostsOf(x.URLs(), site)}
	if class != Wanted {
		return s
	}
	for p := range s.patterns() {
		s.Sums = append(s.Sums, p.sum())
	}
	slices.Sort(s.Sums)
	s.Sums, s.Words, s.Hosts = slices.Compact(s.Sums), "", nil
	return s
}

// clip cuts a text between two characters.
func clip(s string, most int) string {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// empty reports whether there is nothing in a sample.
func (s Sample) empty() bool { return s.Words == "" && len(s.Hosts) == 0 && len(s.Sums) == 0 }

// runsOf splits a folded text into runs of words with nothing but spaces between them, most words at most, and
// returns how many are left. Numbers end a run: they change from copy to copy.
func runsOf(text string, most int) (runs []string, left int) {
	var run []string
	end := func() {
		if len(run) >= phraseWords {
			runs = append(runs, strings.Join(run, " "))
		}
		run = nil
	}
	for word := range strings.FieldsSeq(text) {
		if most == 0 {
			break
		}
		core := strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) })
		if !plain(core) || !strings.HasPrefix(word, core) {
			end()
		}
		if !plain(core) {
			continue
		}
		run = append(run, core)
		if most--; !strings.HasSuffix(word, core) {
			end()
		}
	}
	end()
	return runs, most
}

// plain reports whether a word is one of letters, with apostrophes within.
func plain(word string) bool {
	if len(word) > maxWord || word == "" {
		return false
	}
	for _, r := range word {
		if !unicode.IsLetter(r) && !unicode.Is(unicode.Mn, r) && r != '\'' && r != '’' {
			return false
		}
	}
	return true
}

// hostsOf are the domains that links lead to, each once.
func hostsOf(links []string, site func(string) (string, bool)) (names []string) {
	for _, l := range links[:min(len(links), 10*maxHosts)] {
		if !strings.Contains(l, "://") {
			l = "http://" + l
		}
		u, err := url.Parse(l)
		if err != nil {
			continue
		}
		name, ok := site(strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")))
		if ok && len(name) <= maxHost && !slices.Contains(names, name) && !strings.ContainsFunc(name, unicode.IsSpace) {
			names = append(names, name)
		}
		if len(names) == maxHosts {
			break
		}
	}
	slices.Sort(names)
	return names
}

// A Kind is what a pattern is. Its number is in rows.
type Kind uint8

// The kinds.
const (
	Phrase Kind = iota + 1 // words in subject or body
	Domain                 // where links lead to
)

// String returns the kind's name.
func (k Kind) String() string {
	switch k {
	case Phrase:
		return "phrase"
	case Domain:
		return "domain"
	}
	return "unknown"
}

// A Pattern is what can be looked for.
type Pattern struct {
	Kind Kind
	Text string
}

// What a phrase has: words, octets at least, and letters of its first and last word at least. Others are everywhere.
const (
	phraseWords = 3
	minPhrase   = 12
	minEnd      = 3
)

// patterns goes through all phrases and domains of a sample, some of them more than once.
func (s Sample) patterns() func(yield func(Pattern) bool) {
	return func(yield func(Pattern) bool) {
		for _, host := range s.Hosts {
			if !yield(Pattern{Domain, host}) {
				return
			}
		}
		for run := range strings.Lines(s.Words) {
			words := strings.Fields(run)
			for i := phraseWords; i <= len(words); i++ {
				if utf8.RuneCountInString(words[i-phraseWords]) < minEnd || utf8.RuneCountInString(words[i-1]) < minEnd {
					continue
				}
				text := strings.Join(words[i-phraseWords:i], " ")
				if len(text) >= minPhrase && !yield(Pattern{Phrase, text}) {
					return
				}
			}
		}
	}
}

// sum is a pattern's number. Of two thousand messages' phrases one in two thousand others has one by chance.
func (p Pattern) sum() uint32 {
	h := fnv.New32a()
	h.Write([]byte{byte(p.Kind)})
	h.Write([]byte(p.Text))
	return h.Sum32()
}

// ID is by what an operator names a pattern: 16 hexadecimal digits.
func (p Pattern) ID() string {
	h := fnv.New64a()
	h.Write([]byte{byte(p.Kind)})
	h.Write([]byte(p.Text))
	const digits = "0123456789abcdef"
	id := make([]byte, 0, 16)
	for _, b := range binary.BigEndian.AppendUint64(nil, h.Sum64()) {
		id = append(id, digits[b>>4], digits[b&15])
	}
	return string(id)
}
