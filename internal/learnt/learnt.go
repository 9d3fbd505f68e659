package learnt

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
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
	h := sha256.New()
	h.Write([]byte(network))
	h.Write([]byte{0})
	h.Write(checksum)
	return Print{Pair, h.Sum(nil)[:Pair.Octets()]}
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

// The sources. Of spam: Trap to Junk; of ham: Release to Inbox; of both: Command.
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
)

// Sources returns all of them.
func Sources() []Source {
	return []Source{Trap, Virus, Report, Junk, Release, Challenge, Allow, Inbox, Command}
}

// Sure reports whether what the source says of spam is beyond one person's opinion.
func (s Source) Sure() bool { return s == Trap || s == Virus || s == Command }

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
	Spam    int      // persons who say that it is spam
	Ham     int      // persons who say that it is not
	Sources []Source // of those who say that it is spam, in the order of Sources
	First   time.Time
	Last    time.Time // when it was last said to be spam
}

// IsSpam reports whether more say so than say the opposite.
func (s Standing) IsSpam() bool { return s.Spam > s.Ham }

// Sure reports whether one of those who say that it is spam is not just a person.
func (s Standing) Sure() bool { return slices.ContainsFunc(s.Sources, Source.Sure) }

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
