package mailbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Errors that callers decide by.
var (
	// ErrNoFolder: there is no folder of that name or number.
	ErrNoFolder = errors.New("no such folder")
	// ErrFolderExists: there is one already.
	ErrFolderExists = errors.New("folder exists")
	// ErrUseTaken is an ErrFolderExists: another folder has the use already.
	ErrUseTaken = fmt.Errorf("%w with that use", ErrFolderExists)
	// ErrUseFilled: a use by which a folder is emptied in time (Junk, Trash) is not given to one that has messages.
	ErrUseFilled = errors.New("the folder is not empty")
	// ErrFolderName: not a name that a folder can have.
	ErrFolderName = errors.New("not a folder name")
	// ErrInbox: the inbox can't be deleted.
	ErrInbox = errors.New("the inbox stays")
	// ErrQuarantine: what is held is changed by nobody through its folder. See Use.Fixed.
	ErrQuarantine = errors.New("the quarantine is read-only")
	// ErrTooMany: MaxFolders are there, or a folder has given its last UID.
	ErrTooMany = errors.New("too many")
)

// Bounds of a mailbox's folders.
const (
	MaxName    = 400  // octets of a full name
	MaxDepth   = 20   // levels of a name
	MaxFolders = 4000 // of one mailbox
)

// Inbox is the name of the folder that every mailbox has.
const Inbox = "INBOX"

// Separator stands between the levels of a name.
const Separator = "/"

// A Use is a folder's special use in the words of RFC 6154 §2: `\Sent`. The empty
// Use is none. At most one folder of a mailbox has a given use.
type Use string

// The special uses that standard folders have.
const (
	Drafts  Use = `\Drafts`
	Sent    Use = `\Sent`
	Junk    Use = `\Junk`
	Trash   Use = `\Trash`
	Archive Use = `\Archive`
)

// Quarantine is the use of the folder that shows what is held for the mailbox (see
// Held). It is this store's own: no RFC has it, clients are not told of it, and no
// folder is made for it by them.
const Quarantine Use = `\Quarantine`

const (
	quarantineEnglish = "Quarantine"
	quarantineFrench  = "Quarantaine"
)

// QuarantineName is the name that the folder has beside these, where no other was there first:
// a French one where the standard folders have theirs in French, whatever the owner's language is now.
func QuarantineName(beside []Folder) string {
	for _, french := range StandardFolders("fr") {
		if french.Use != "" && slices.ContainsFunc(beside, func(f Folder) bool { return f.Use == french.Use && f.Name == french.Name }) {
			return quarantineFrench
		}
	}
	return quarantineEnglish
}

// ParseUse returns the use of that name in any case; false where no folder can
// be made for it.
func ParseUse(s string) (Use, bool) {
	for _, u := range []Use{Drafts, Sent, Junk, Trash, Archive} {
		if strings.EqualFold(s, string(u)) {
			return u, true
		}
	}
	return "", false
}

// A Folder is one folder with its counters, as they are after the latest commit.
type Folder struct {
	ID            int64 // unique in the store, never given again
	Box           int64
	Name          string // UTF-8 in NFC, levels separated by "/"
	Use           Use
	UIDValidity   uint32 // unique in the mailbox
	UIDNext       UID
	HighestModSeq ModSeq
	Subscribed    bool
	Messages      int64
	Unseen        int64 // without \Seen
	Deleted       int64 // with \Deleted
	Size          int64 // octets served, of all messages
}

// Usage is what a mailbox takes up: what a quota counts.
type Usage struct{ Messages, Bytes int64 }

// A Standard is a folder that is made with a mailbox.
type Standard struct {
	Name string
	Use  Use
}

// StandardFolders returns the folders of a new mailbox, in the owner's language
// where it is known ("fr"), in English elsewhere.
func StandardFolders(lang string) []Standard {
	if IsFrench(lang) {
		return []Standard{{Inbox, ""}, {"Brouillons", Drafts}, {"Envoyés", Sent}, {"Indésirables", Junk}, {"Corbeille", Trash}, {"Archives", Archive}}
	}
	return []Standard{{Inbox, ""}, {"Drafts", Drafts}, {"Sent", Sent}, {"Junk", Junk}, {"Trash", Trash}, {"Archive", Archive}}
}

// Standing reports whether mailboxes of some language have a folder of that name without their owners' doing.
func Standing(name string) bool {
	for _, lang := range []string{"en", "fr"} {
		if slices.ContainsFunc(StandardFolders(lang), func(s Standard) bool { return s.Name == name }) {
			return true
		}
	}
	_, lists := ListingOf(Folder{Name: name})
	return lists || name == quarantineEnglish || name == quarantineFrench
}

// IsFrench reports whether a language tag (RFC 5646) is of French.
func IsFrench(lang string) bool {
	lang, _, _ = strings.Cut(strings.ToLower(lang), "-")
	return lang == "fr"
}

// CleanName returns the one form of a folder's name: NFC, and INBOX in capitals
// where it is the first level (RFC 9051 §5.1). It refuses, with ErrFolderName as
// cause, what no folder is made under: control characters, wildcards, empty levels,
// and names beyond MaxName and MaxDepth.
func CleanName(name string) (string, error) {
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) {
		return "", fmt.Errorf("%w: %.80q", ErrFolderName, name)
	}
	name = norm.NFC.String(name)
	bad := func(r rune) bool { return unicode.IsControl(r) || r == '*' || r == '%' || r == utf8.RuneError }
	if len(name) > MaxName || name[0] == '\\' || strings.ContainsFunc(name, bad) { // a backslash starts a Use
		return "", fmt.Errorf("%w: %.80q", ErrFolderName, name)
	}
	levels := strings.Split(name, Separator)
	for _, l := range levels {
		if l == "" || len(levels) > MaxDepth {
			return "", fmt.Errorf("%w: %.80q", ErrFolderName, name)
		}
	}
	if strings.EqualFold(levels[0], Inbox) {
		levels[0] = Inbox
	}
	return strings.Join(levels, Separator), nil
}

// Parents returns the names above name, topmost first: of "a/b/c" "a" and "a/b".
func Parents(name string) []string {
	var above []string
	for i := range len(name) {
		if name[i] == Separator[0] {
			above = append(above, name[:i])
		}
	}
	return above
}
