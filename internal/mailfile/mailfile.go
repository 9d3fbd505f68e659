// Package mailfile keeps the mail of a mailbox in files that other programs read, and reads
// theirs: an mbox (RFC 4155, with lines quoted as in mboxrd), a Maildir with the subfolders of
// Maildir++, or a zip with a message a file.
//
//	flags       Maildir: the letters of names, keywords in dovecot-keywords, 26 a folder at most
//	            mbox: Status, X-Status and X-Keywords, in front of each header
//	            zip: the entry's comment
//	dates       when a message came: a file's time of change, the line before the message, the entry's time
//	folders     Maildir: ".Sent.2026" in modified UTF-7, shortened where that is too long for a file system, with
//	            the whole name in a file there; mbox: X-Folder; zip: directories, whose names
//	            every system can have, and the entry's comment
//
// A message is one of the wire: its lines end with CRLF. In Maildirs and mboxes they end with
// LF. Whatever is read may come from a stranger: messages have a bound, links lead nowhere, names
// are never followed as paths, and a zip that is far longer unpacked than packed is refused.
package mailfile

import (
	"errors"
	"io"
	"slices"
	"strings"
	"time"
)

// Errors that callers decide by.
var (
	// ErrTooLong: a message is longer than it may be.
	ErrTooLong = errors.New("the message is too long")
	// ErrNoMail: it has no header, so it is no message.
	ErrNoMail = errors.New("it has no header, so it is no message")
	// ErrBomb: a zip is far longer unpacked than packed.
	ErrBomb = errors.New("it is far longer unpacked than packed")
	// ErrName: a name that no folder has.
	ErrName = errors.New("not the name of a folder")
)

// A Message is one message, or a folder that has none.
type Message struct {
	Name    string    // where it was read from, for people
	Folder  string    // levels separated by "/"; "" is the inbox, or not told
	Flags   []string  // as in IMAP: `\Seen`, "$Forwarded"
	Date    time.Time // when it came, to the second; zero: not known
	Content []byte    // nil where it is a folder alone; not used by a Writer
}

// A Writer writes messages into new files. One goroutine uses it.
type Writer interface {
	// Folder makes a folder, where the form has folders without messages.
	Folder(name string) error
	// Add writes a message whose octets are r's. Messages of one folder follow each other.
	Add(m Message, r io.Reader) error
	// Close makes what was written durable.
	Close() error
}

// Names writes and reads the names of folders in modified UTF-7 (RFC 3501 §5.1.3), as
// Maildir++ has them.
type Names struct {
	Encode func(string) string
	Decode func(string) (string, bool)
}

// Create makes a Writer of the form that path's name tells: "x.zip", "x.mbox", and all
// else is the directory of a Maildir. There must be nothing at path, or an empty directory.
func Create(path string, names Names) (Writer, error) {
	switch {
	case strings.HasSuffix(strings.ToLower(path), ".zip"):
		return createZip(path)
	case strings.HasSuffix(strings.ToLower(path), ".mbox"):
		return createMbox(path)
	}
	return createMaildir(path, names)
}

// letters are the flags that files have by a letter each: in Maildirs
// (https://cr.yp.to/proto/maildir.html), and in Status and X-Status as mutt and Dovecot have them.
var letters = [...]struct {
	flag            string
	maildir         byte
	status, xstatus string
}{
	{`\Draft`, 'D', "", "T"},
	{`\Flagged`, 'F', "", "F"},
	{"$Forwarded", 'P', "", ""},
	{`\Answered`, 'R', "", "A"},
	{`\Seen`, 'S', "R", ""},
	{`\Deleted`, 'T', "", "D"},
}

// has reports whether flags have one, in any case.
func has(flags []string, name string) bool {
	return slices.ContainsFunc(flags, func(f string) bool { return strings.EqualFold(f, name) })
}

// keywordsOf returns the flags that are no system flags.
func keywordsOf(flags []string) (words []string) {
	for _, f := range flags {
		if !strings.HasPrefix(f, `\`) {
			words = append(words, f)
		}
	}
	return words
}
