package challenge

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"gatepost/internal/mail"
)

// A Content is what stays the same of a message however often and by whatever server it
// comes: a hash of its authors' addresses, its decoded subject and its parts' types and
// decoded bodies, with line ends and the blanks before them made equal.
type Content [sha256.Size]byte

// Hash reads a message for its Content. It fails where the content can't be read.
func Hash(m *mail.Message) (c Content, err error) {
	h := sha256.New()
	put(h, authors(m))
	put(h, strings.Join(strings.Fields(m.Header().Text("Subject")), " "))
	for p := range m.Root().All() {
		put(h, p.Type+"/"+p.Subtype)
		if len(p.Parts) > 0 { // its parts follow; a boundary is another each time
			continue
		}
		if p.Header != nil && p != m.Root() {
			put(h, p.Header.Text("Subject")) // of an attached message
		}
		body := sha256.New()
		if _, err := io.Copy(&evenLines{to: body}, m.Decoded(p)); err != nil {
			return c, fmt.Errorf("challenge: hash message: %w", err)
		}
		h.Write(body.Sum(nil))
	}
	if err := m.Err(); err != nil {
		return c, fmt.Errorf("challenge: hash message: %w", err)
	}
	return Content(h.Sum(nil)), nil
}

// authors are the addresses in From: a program may send the mail of many under one
// reverse-path. Where there is none that can be read, it is the text.
func authors(m *mail.Message) string {
	from := strings.Join(m.Header().All("From"), ", ")
	var all []string
	for _, a := range mail.ParseAddressList(from) {
		if p, ok := a.Path(); ok {
			all = append(all, string(p.Fold()))
		}
	}
	if len(all) == 0 {
		return strings.Join(strings.Fields(from), " ")
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// put hashes a text with its length in front, so that no two lists of texts are one.
func put(h hash.Hash, s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:])
	io.WriteString(h, s)
}

// evenLines passes text on with LF for each line end, without blanks before line ends,
// and without blank lines at the end.
type evenLines struct {
	to     io.Writer
	blanks []byte // that may stand at the end of a line,
	ends   int    // after as many line ends that may stand at the end of all
	part   []byte
}

// maxBlanks bounds what is held back; more of them are text.
const maxBlanks = 4096

// Write implements io.Writer.
func (e *evenLines) Write(p []byte) (int, error) {
	e.part = e.part[:0]
	for _, c := range p {
		switch {
		case c == '\n':
			e.blanks = e.blanks[:0]
			e.ends++
		case (c == ' ' || c == '\t' || c == '\r') && len(e.blanks) < maxBlanks:
			e.blanks = append(e.blanks, c)
		default:
			for ; e.ends > 0; e.ends-- {
				e.part = append(e.part, '\n')
			}
			e.part = append(e.part, bytes.TrimRight(e.blanks, "\r")...)
			e.blanks = e.blanks[:0]
			e.part = append(e.part, c)
		}
	}
	_, err := e.to.Write(e.part)
	return len(p), err
}

// Key names a message of a sender to somebody, "box 7" or an address: the same again has
// the same. It is 43 letters, digits, - and _, and tells nothing of what it is made of.
func Key(sender mail.Path, to string, c Content) string {
	h := sha256.New()
	put(h, string(sender.Canonical()))
	put(h, to)
	h.Write(c[:])
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// Origin names a message by what its sender calls it, its Message-ID: it is cheap to
// have, and says whether a Key is worth its price. It is "" where the message has none.
func Origin(sender mail.Path, messageID string) string {
	if messageID = strings.TrimSpace(messageID); messageID == "" {
		return ""
	}
	h := sha256.New()
	put(h, string(sender.Canonical()))
	put(h, messageID)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}
