package attachment

import (
	"crypto/sha256"
	"slices"
	"strings"
	"time"
)

// A Class is a kind of danger.
type Class string

// The classes, the worst first.
const (
	Executable Class = "executable" // a program, a script or a shortcut, by content or by name
	Macro      Class = "macro"      // an office document that runs something, or fetches what does
	Disguised  Class = "disguised"  // a name that hides what the file is
	Active     Class = "active"     // a page, picture or PDF that runs something
	Container  Class = "container"  // a disk image or notebook: files in it arrive unmarked
	Bomb       Class = "bomb"       // more comes out of it than any honest file has
	Encrypted  Class = "encrypted"  // an archive or office document that needs a password
	Unopened   Class = "unopened"   // an archive of a format that nothing here reads: it may hold anything
	Listed     Class = "listed"     // its extension is on the operator's list
	Broken     Class = "broken"     // can't be read by the rules of its format
	Unread     Class = "unread"     // not looked into: a format, a size or a time beyond what is read
)

// Classes lists all classes, the worst first.
func Classes() []Class {
	return []Class{Executable, Macro, Disguised, Active, Container, Bomb, Encrypted, Unopened, Listed, Broken, Unread}
}

// A Flag is one thing that is wrong with a file.
type Flag struct {
	Class Class
	What  string // for a person: "a Windows program", "VBA project in xl/vbaProject.bin"
}

// A File is an attachment, or a file inside one.
type File struct {
	Path     string   // names from the attachment down, joined by " > "
	Name     string   // its own, valid UTF-8, as the sender wrote it; "" where it has none
	Also     []string // other names that its part gives it
	Declared string   // the media type of the part: "application/pdf"; "" inside archives
	Kind     Kind     // by its content
	Depth    int      // how many files it is inside of
	Size     int64    // octets of its content as far as it was read, or said to be where Hashed is false
	Sum      Sum      // of its content
	Hashed   bool     // Sum is that of the whole content
	Flags    []Flag
}

// A Sum is the SHA-256 of a file's content.
type Sum [sha256.Size]byte

// Has reports whether the file has a flag of the class.
func (f *File) Has(c Class) bool {
	return slices.ContainsFunc(f.Flags, func(g Flag) bool { return g.Class == c })
}

// Attacks reports whether it is of those by which attacks come: what runs, or brings files that do.
func (f *File) Attacks() bool {
	return f.Has(Executable) || f.Has(Macro) || f.Has(Container) || f.Has(Active)
}

// Telling reports whether another file of the same content is likely to come from the same
// hand: it is whole, not tiny, and none of what many people send: pictures (which have
// their own filter), signatures, plain text.
func (f *File) Telling() bool {
	switch {
	case !f.Hashed || f.Size < minTelling || f.Kind.Picture() || f.Kind == Text || f.Kind == Unknown && f.Depth > 0:
		return false
	case strings.Contains(f.Declared, "signature") || strings.HasPrefix(f.Declared, "application/pgp"):
		return false
	}
	return true
}

// minTelling is the least size, in octets, of a file that tells something.
const minTelling = 64

// A Report is what was found in a message.
type Report struct {
	Files []File // in the order of the message; those with flags, and the first maxFiles of the others
	Count int    // files met, also those that are not in Files
	Cut   string // why not all was looked at; "" as a rule
}

// maxFiles bounds the files of a Report without flags, and those with.
const maxFiles = 1000

// Has reports whether any file has a flag of the class.
func (r *Report) Has(c Class) bool {
	return slices.ContainsFunc(r.Files, func(f File) bool { return f.Has(c) })
}

// Names returns the names of all files, those in archives too.
func (r *Report) Names() (names []string) {
	for i := range r.Files {
		if r.Files[i].Name != "" {
			names = append(names, r.Files[i].Name)
		}
	}
	return names
}

// Inside reports whether f holds of the file of that number, or of any of those inside it.
func (r *Report) Inside(n int, f func(*File) bool) bool {
	for i := n; i >= 0 && (i == n || r.Files[i].Depth > r.Files[n].Depth); i-- { // what is inside stands in front of it
		if f(&r.Files[i]) {
			return true
		}
	}
	return false
}

// Limits bound what one message may cost.
type Limits struct {
	Depth    int           // archives within archives; deeper ones are a bomb
	Count    int           // files; more are a bomb
	Expanded int64         // octets out of all decompressors; what is beyond is not read
	Ratio    int64         // octets out for each one in; more, after ratioFrom, are a bomb
	Memory   int           // octets of content and dictionaries in memory at once
	Time     time.Duration // of the whole work
}

// ratioFrom is how many octets come out of something before its ratio counts.
const ratioFrom = 16 << 20

// DefaultLimits are those of the filter.
func DefaultLimits() Limits {
	return Limits{Depth: 6, Count: 5000, Expanded: 128 << 20, Ratio: 100, Memory: 10 << 20, Time: 8 * time.Second}
}
