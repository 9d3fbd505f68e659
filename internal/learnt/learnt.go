package learnt

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"gatepost/internal/sketch"
)

// A Kind is what a print is of. Its number is in rows.
type Kind uint8

// The kinds.
const (
	Checksum   Kind = iota + 1 // 20 octets: a message's text in its normal form
	Sketch                     // sketch.Octets octets: the same, to be compared with what is nearly so
	Attachment                 // 32 octets, SHA-256 of an attachment's content
	Picture                    // 8 octets, big-endian: how a picture looks (64-bit DCT hash)
	Pair                       // 20 octets: a client's network together with a checksum
)

var kindNames = [...]string{Checksum: "checksum", Sketch: "sketch", Attachment: "attachment", Picture: "picture", Pair: "pair"}

var kindOctets = [...]int{Checksum: 20, Sketch: sketch.Octets, Attachment: sha256.Size, Picture: 8, Pair: 20}

// String returns the kind's name.
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return fmt.Sprintf("kind %d", k)
	}
	return kindNames[k]
}

// Octets is how long a print of the kind is; 0 for a kind that is unknown.
func (k Kind) Octets() int {
	if int(k) >= len(kindOctets) {
		return 0
	}
	return kindOctets[k]
}

// A Print is one mark by which a message is known again.
type Print struct {
	Kind Kind
	Sum  []byte // Kind.Octets octets
}

// Valid reports whether the print is as long as its kind says.
func (p Print) Valid() bool { return len(p.Sum) > 0 && len(p.Sum) == p.Kind.Octets() }

// PictureOf is the print of a picture's hash.
func PictureOf(hash uint64) Print {
	return Print{Picture, binary.BigEndian.AppendUint64(nil, hash)}
}

// PairOf is the print of a client's network ("192.0.2.0/24") together with a checksum.
func PairOf(network string, checksum []byte) Print {
	text := append(append(append(make([]byte, 0, 128), network...), 0), checksum...)
	h := sha256.Sum256(text)
	return Print{Pair, h[:Pair.Octets()]}
}

// Compare orders prints.
func Compare(a, b Print) int {
	if a.Kind != b.Kind {
		return int(a.Kind) - int(b.Kind)
	}
	return strings.Compare(string(a.Sum), string(b.Sum))
}

// A Source is what a lesson came by.
type Source string

// The sources. Of spam: Trap to Junk; of ham: Release to Inbox, and Operator; of both: Command.
const (
	Trap      Source = "trap"      // somebody wrote to an address that nobody uses
	Virus     Source = "virus"     // an engine knows what is in it
	Report    Source = "report"    // a recipient, or a feedback loop, complained
	Junk      Source = "junk"      // the owner moved it into Junk
	Release   Source = "release"   // somebody released it
	Challenge Source = "challenge" // its sender solved a task
	Allow     Source = "allow"     // its sender was allowed
	Inbox     Source = "inbox"     // the owner moved it out of Junk
	Command   Source = "command"   // gatepost learn
	Operator  Source = "operator"  // an operator released it
)

// Sources returns all of them. Their places are in rows (Standing.Bits), so a new one goes to the end.
func Sources() []Source {
	return []Source{Trap, Virus, Report, Junk, Release, Challenge, Allow, Inbox, Command, Operator}
}

// Firm reports whether a lesson by the source weighs more than people's: what an operator or an
// engine says is spam, people's word does not end.
func (s Source) Firm() bool { return s == Command || s == Operator || s == Virus }

// strange reports whether anybody who sends mail has the source say that something is spam,
// whosever it is.
func (s Source) strange() bool { return s == Trap || s == Virus }

// A Home is the domain of people who say something, as a number: its FNV-1a hash of 32 bits. Two domains that share one
// are taken for one: once in four milliards.
type Home uint32

// HomeOf returns the number of a domain in lower case.
func HomeOf(domain string) Home {
	h := fnv.New32a()
	h.Write([]byte(domain))
	return Home(h.Sum32())
}

// homeOf returns where a lesson's person is at home: an address in its domain, what is no address with itself.
func homeOf(person string) Home {
	return HomeOf(strings.ToLower(person[strings.LastIndexByte(person, '@')+1:]))
}

// A Lesson is that somebody says that a message is spam, or is not.
type Lesson struct {
	ID      int64  // given by the rows
	Message string // the transaction that brought it, or another name of it that is its own
	Spam    bool
	Source  Source
	Person  string // who says so, as one and the same is counted: an address, a network, an operator
	Time    time.Time
	Prints  []Print // what it taught; MaxPrints at most
	Ended   time.Time
	EndedBy string
}

// MaxPrints bounds the prints of one lesson, and MaxName its names, in octets.
const (
	MaxPrints = 64
	MaxName   = 320
)

// clean bounds a lesson and brings its prints in order, each once, and those alone that are valid.
func (l Lesson) clean() Lesson {
	l.Message, l.Person = cut(l.Message), cut(l.Person)
	prints := slices.DeleteFunc(slices.Clone(l.Prints), func(p Print) bool { return !p.Valid() })
	slices.SortFunc(prints, Compare)
	prints = slices.CompactFunc(prints, func(a, b Print) bool { return Compare(a, b) == 0 })
	l.Prints = prints[:min(len(prints), MaxPrints)]
	return l
}

func cut(s string) string {
	if len(s) > MaxName {
		s = strings.ToValidUTF8(s[:MaxName], "")
	}
	return s
}

// A Standing is what all lessons about one print come to.
type Standing struct {
	Spam     int      // persons who say that it is spam
	Ham      int      // persons who say that it is not
	Sources  []Source // of those who say that it is spam, in the order of Sources
	Networks int      // among Spam, those that are no people: networks from which traps got it, or viruses came with it
	Domains  int      // in which the people among Spam are at home
	Home     Home     // the one domain, where there is but one
	First    time.Time
	Last     time.Time // when it was last said to be spam
}

// Firm reports whether an operator, or an engine that knows a virus, says that it is spam: then no
// word but an operator's counts against it.
func (s Standing) Firm() bool {
	return slices.Contains(s.Sources, Command) || slices.Contains(s.Sources, Virus)
}

// Oppose says who says the opposite, and by what: one of the sources of each person, of which
// Command weighs most. A sender who solved a task is not asked: his word is for the message
// that he had released, not for what is like it. What an operator says by command is the last word,
// unless another says by command that it is spam.
func (s *Standing) Oppose(against map[string]Source) {
	s.Ham = 0
	last := false
	for _, source := range against {
		if source == Challenge || s.Firm() && !source.Firm() {
			continue
		}
		s.Ham++
		last = last || source == Command
	}
	if last && !slices.Contains(s.Sources, Command) {
		s.Ham = max(s.Ham, s.Spam)
	}
}

// IsSpam reports whether more say so than say the opposite.
func (s Standing) IsSpam() bool { return s.Spam > s.Ham }

// sureNetworks is from how many networks on what strangers sent to traps, or with a virus,
// is believed. One can have sent a copy of what is somebody else's.
const sureNetworks = 2

// Sure reports whether it is beyond people's opinion: an operator says so, or traps and
// viruses of two networks.
func (s Standing) Sure() bool {
	return slices.Contains(s.Sources, Command) || s.Networks >= sureNetworks
}

// Believed reports whether it is spam for a recipient in a domain: it is sure, or so many
// people more say so than say the opposite, and they are of two domains, or of his.
func (s Standing) Believed(domain string, people int) bool {
	return s.Sure() || s.Spam-s.Ham >= people && (s.Domains > 1 || s.Domains == 1 && s.Home == HomeOf(strings.ToLower(domain)))
}

// Count adds to a standing that a person says by a source that it is spam. Each person is
// counted once: seen has those who were, and their homes.
func (s *Standing) Count(source Source, person string, seen map[string]Home) {
	if !slices.Contains(s.Sources, source) {
		s.Sources = append(s.Sources, source)
	}
	if _, ok := seen[person]; ok {
		return
	}
	s.Spam++
	if source.strange() {
		s.Networks++
		seen[person] = 0
		return
	}
	home := homeOf(person)
	known := false
	for _, h := range seen {
		known = known || h == home
	}
	if !known {
		if s.Domains++; s.Domains > 1 {
			s.Home = 0
		} else {
			s.Home = home
		}
	}
	seen[person] = home
}

// Bits are the sources in one number: a bit for each of Sources.
func (s Standing) Bits() (bits uint16) {
	for i, source := range Sources() {
		if slices.Contains(s.Sources, source) {
			bits |= 1 << i
		}
	}
	return bits
}

// SourcesOf returns the sources that Bits put into a number.
func SourcesOf(bits uint16) (list []Source) {
	for i, source := range Sources() {
		if bits>>i&1 > 0 {
			list = append(list, source)
		}
	}
	return list
}

// String says it for people: "by trap, report (3 for, 0 against), last 2026-11-26".
func (s Standing) String() string {
	var names []string
	for _, source := range s.Sources {
		names = append(names, string(source))
	}
	return fmt.Sprintf("by %s (%d for, %d against), last %s", strings.Join(names, ", "), s.Spam, s.Ham, s.Last.UTC().Format(time.DateOnly))
}

// An Entry is a print and its standing, as rows have it.
type Entry struct {
	Print
	Standing
	Revision int64
}
