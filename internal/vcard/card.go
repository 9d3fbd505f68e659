// Package vcard writes people and groups as cards, which programs that keep addresses read: vCard 4.0 (RFC 6350). A card
// has what an address list tells and no more. Cards one after the other are a file. It reads none.
package vcard

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// A Kind is what a card is of.
type Kind string

// The kinds that are written (§6.1.4).
const (
	Individual Kind = "individual"
	Group      Kind = "group" // several people under one address, who are not named
)

// A Card is one entry of an address book.
type Card struct {
	Kind    Kind
	Name    string // as people call it
	Address string // for mail, its domain in A-labels
}

// Append adds a card to what is there, in lines of up to 75 octets. What is invalid in a name or address, such as controls, is
// left out.
func (c Card) Append(b []byte) []byte {
	for _, p := range [...]struct{ name, value string }{
		{"BEGIN", "VCARD"}, {"VERSION", "4.0"}, {"KIND", string(c.Kind)}, {"FN", text(c.Name)}, {"EMAIL", text(c.Address)}, {"UID", c.uid()}, {"END", "VCARD"},
	} {
		b = appendLine(b, p.name+":"+p.value)
	}
	return b
}

// uid is the same for the same address (§6.7.6), so that a file that is read again changes the cards of the one before. It
// is made of the address alone, which the card tells, and so says nothing else (RFC 9562 §5.5).
func (c Card) uid() string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("mailto:"+c.Address)).URN()
}

// escapes are for what has a meaning of its own within a value (§3.4).
var escapes = strings.NewReplacer(`\`, `\\`, ",", `\,`, ";", `\;`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`)

// text writes a text as a value.
func text(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, escapes.Replace(strings.ToValidUTF8(s, "")))
}

// lineLength is that of a line without its end, in octets (§3.2).
const lineLength = 75

// appendLine adds a line, folded between characters: a line that begins with a blank goes on with the one before.
func appendLine(b []byte, line string) []byte {
	for room := lineLength; len(line) > room; room = lineLength - 1 {
		for !utf8.RuneStart(line[room]) {
			room--
		}
		b = append(append(b, line[:room]...), "\r\n "...)
		line = line[room:]
	}
	return append(append(b, line...), "\r\n"...)
}
