// Package offer words the mail that tells somebody that a folder was shared with him:
// which one, by whom, what he may do in it, and where he finds it.
//
//	w, err := offer.NewWriter()
//	content := w.Write(offer.Letter{To: bob, By: ann, Folder: "Projects", Name: "Shared/…/Projects", Rights: offer.Read, …})
//
// Who shares what is package mailbox's; whom to write to, and the sending, are the caller's.
package offer

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"time"
	"unicode"

	"gatepost/internal/letter"
	"gatepost/internal/locale"
	"gatepost/internal/mail"
)

//go:embed words
var words embed.FS

// May is what the receiver may do, as he is told.
type May string

// What one may do.
const (
	Read   May = "read"   // look at it, and nothing else
	Write  May = "write"  // change what is in it, too
	Manage May = "manage" // also say who else may
)

// A Letter is what the receiver of a share is to read.
type Letter struct {
	ID       string    // of the mail, as mail.NewID makes them
	From     mail.Path // whom an answer reaches
	To       mail.Path
	By       mail.Path // who shares it
	Folder   string    // its name with its owner; "": all of a mailbox
	Name     string    // where the receiver finds it
	May      May
	Link     string // to the page where it is accepted or declined; "": there is none
	Hidden   bool   // it is not listed before it is accepted
	Language string // "" is English
	Now      time.Time
}

// A Writer words letters. It is safe for use by many goroutines.
type Writer struct{ texts *locale.Catalog }

// NewWriter reads the texts, which are part of the program.
func NewWriter() (*Writer, error) {
	files, err := fs.Sub(words, "words")
	if err == nil {
		var texts *locale.Catalog
		if texts, err = locale.New(files, "en", "fr"); err == nil {
			return &Writer{texts}, nil
		}
	}
	return nil, fmt.Errorf("offer: %w", err)
}

// Write returns the whole mail (RFC 3834: a program's), in the receiver's language.
func (w *Writer) Write(l Letter) []byte {
	lang := w.texts.Match(l.Language)
	text := func(key string, args ...any) string { return w.texts.Text(lang, key, args...) }
	what := text("offer.all")
	if l.Folder != "" {
		what = text("offer.folder", seen(l.Folder))
	}
	lines := []string{text("offer.hello"), "", text("offer.what", l.By, what), text("offer.may." + string(l.May)), ""}
	if l.Link != "" {
		lines = append(lines, text("offer.link"), "", "    "+l.Link, "")
	}
	where := "offer.where"
	if l.Hidden {
		where = "offer.then"
	}
	lines = append(lines, text(where), "", "    "+seen(l.Name), "")
	if l.Link == "" {
		lines = append(lines, text("offer.accept"), text("offer.decline"))
	}
	lines = append(lines, text("offer.leave"))
	head := letter.Letter{ID: l.ID, FromName: text("offer.from"), From: l.From, To: l.To, Subject: text("offer.subject", l.By, what), Language: lang, Time: l.Now.UTC()}
	return head.Plain(strings.Join(lines, "\n") + "\n")
}

// maxSeen bounds what is shown of a name, in characters.
const maxSeen = 300

// seen is a name without what does not show, or turns the direction of what follows.
func seen(name string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, name)
	if r := []rune(name); len(r) > maxSeen {
		return string(r[:maxSeen]) + "…"
	}
	return name
}
