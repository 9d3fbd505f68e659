package mailbox

import (
	"errors"
	"fmt"
	"strings"
)

// Rights is what somebody may do in a folder, as a set (RFC 4314 §2.1).
type Rights uint16

// The rights, each with its letter.
const (
	MayLookUp     Rights = 1 << iota // l: see that it is there
	MayRead                          // r: select it, STATUS
	MaySee                           // s: set and clear \Seen
	MayWrite                         // w: set and clear flags but \Seen and \Deleted
	MayInsert                        // i: APPEND and COPY into it
	MayPost                          // p: send to it; of no meaning to IMAP
	MayCreate                        // k: make folders beneath it
	MayDelete                        // x: delete or rename it
	MayTrash                         // t: set and clear \Deleted
	MayExpunge                       // e: expunge
	MayAdminister                    // a: say who has which rights
)

// Sets of rights.
const (
	AllRights Rights = 1<<11 - 1
	// AnyRight are those of which one is enough to ask for one's rights (RFC 4314 §4).
	AnyRight = MayLookUp | MayRead | MayInsert | MayCreate | MayDelete | MayAdminister
)

const rightLetters = "lrswipkxtea"

// The rights of RFC 2086 that stand for several (RFC 4314 §2.1.1): "c" for making and
// deleting folders, "d" for deleting messages.
const (
	oldCreate = MayCreate | MayDelete
	oldDelete = MayTrash | MayExpunge
)

// ErrRights: not letters of rights.
var ErrRights = errors.New("no such right")

// Preset is a set of rights under a name that people understand.
type Preset struct {
	Name   string
	Rights Rights
}

// Presets returns the sets that have names. Who only reads has not the right s: flags
// are everybody's here, and to read somebody's mail must not mark it as read for him.
func Presets() []Preset {
	return []Preset{
		{"read", MayLookUp | MayRead},
		{"write", AllRights &^ (MayCreate | MayDelete | MayAdminister)},
		{"manage", AllRights},
	}
}

// ParsePreset reads the name of a preset, or else letters.
func ParsePreset(s string) (Rights, error) {
	for _, p := range Presets() {
		if s == p.Name {
			return p.Rights, nil
		}
	}
	return ParseRights(s)
}

// ParseRights reads letters, "c" and "d" included. The error's cause is ErrRights.
func ParseRights(s string) (r Rights, err error) {
	for _, l := range s {
		i := strings.IndexRune(rightLetters, l)
		switch {
		case i >= 0:
			r |= 1 << i
		case l == 'c':
			r |= oldCreate
		case l == 'd':
			r |= oldDelete
		default:
			return 0, fmt.Errorf("%w: %q", ErrRights, l)
		}
	}
	return r, nil
}

// Has reports whether all of need are there.
func (r Rights) Has(need Rights) bool { return r&need == need }

// String returns the letters, in the order of RFC 4314 §2.1.
func (r Rights) String() string {
	var b []byte
	for i := range len(rightLetters) {
		if r&(1<<i) != 0 {
			b = append(b, rightLetters[i])
		}
	}
	return string(b)
}

// Wire is String with "c" and "d" where any right that they stand for is there, as
// servers tell old clients (RFC 4314 §2.1.1).
func (r Rights) Wire() string {
	s := r.String()
	if r&oldCreate != 0 {
		s += "c"
	}
	if r&oldDelete != 0 {
		s += "d"
	}
	return s
}

// Name is the name of the preset that the rights are, else the letters.
func (r Rights) Name() string {
	for _, p := range Presets() {
		if r == p.Rights {
			return p.Name
		}
	}
	return r.String()
}

// Fixed returns which flags somebody with these rights can't change (RFC 4314 §4).
func (r Rights) Fixed() (x Fixed) {
	if r&MaySee == 0 {
		x.System |= Seen
	}
	if r&MayTrash == 0 {
		x.System |= Deleted
	}
	if r&MayWrite == 0 {
		x.System |= ^(Seen | Deleted)
		x.Keywords = true
	}
	return x
}

// Fixed are flags that a change leaves as they are. The zero value is none.
type Fixed struct {
	System   System
	Keywords bool // all of them
}

// Off returns f without the flags that are fixed.
func (x Fixed) Off(f Flags) Flags {
	f.System &^= x.System
	if x.Keywords {
		f.Keywords = ""
	}
	return f
}

// keep returns what becomes of old when next is asked for.
func (x Fixed) keep(old, next Flags) Flags {
	next.System = next.System&^x.System | old.System&x.System
	if x.Keywords {
		next.Keywords = old.Keywords
	}
	return next
}
