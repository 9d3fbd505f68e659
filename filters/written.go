package filters

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"gatepost/internal/mail"
	"gatepost/pipeline"
)

// maxWritten bounds what is read of each text for its script and language, in octets.
const maxWritten = 64 << 10

// A writing is what somebody wrote: the texts of a message as they are read, without what they
// quote and without signatures. It is not folded, since that takes one script for another.
type writing struct {
	subject string
	texts   []string // of the plain parts, and of the HTML
	cut     bool
}

// writtenFact takes the texts of a message apart, once for all entries that ask.
func writtenFact(ctx context.Context, tx *pipeline.Transaction) (writing, error) {
	if tx.Message == nil {
		return writing{}, errors.New("written: asked before the content is in")
	}
	return pipeline.Fact(ctx, tx, "written", time.Second*10, func(context.Context) (writing, error) {
		w := written(tx.Message)
		if err := tx.Message.Err(); err != nil {
			return writing{}, fmt.Errorf("written: read message: %w", err)
		}
		return w, nil
	})
}

func written(m *mail.Message) writing {
	x := m.Extract()
	w := writing{subject: x.Subject, cut: x.Cut}
	for _, s := range []string{x.Text, x.Visible} {
		if len(s) > maxWritten {
			s, w.cut = strings.ToValidUTF8(s[:maxWritten], ""), true
		}
		if s = own(s); s != "" {
			w.texts = append(w.texts, s)
		}
	}
	return w
}

// own returns a text without quotes and signatures: lines after ">", what follows "-- "
// (RFC 3676 §4.3), and what stands below the line by which mail programs begin a quote.
func own(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, ">"):
			continue
		case line == "-- \n" || trimmed == "--" || beginsQuote(trimmed):
			return b.String()
		}
		b.WriteString(line)
	}
	return b.String()
}

// beginsQuote reports whether a line says that another's words follow.
func beginsQuote(line string) bool {
	lower := strings.ToLower(line)
	if strings.HasPrefix(lower, "-----") {
		return strings.Contains(lower, "original") || strings.Contains(lower, "ursprüngliche") || strings.Contains(lower, "forwarded")
	}
	for _, words := range [...][2]string{
		{"on ", " wrote:"}, {"le ", " a écrit :"}, {"le ", " a écrit\u00a0:"}, {"am ", " schrieb "}, {"el ", " escribió:"}, {"il ", " ha scritto:"},
	} {
		if strings.HasPrefix(lower, words[0]) && strings.Contains(lower, words[1]) {
			return true
		}
	}
	return false
}

// letters counts the letters of a text: all, and those of some scripts.
func letters(s string, scripts []*unicode.RangeTable) (all, those int) {
	for _, r := range s {
		switch {
		case r < 0x80:
			if 'a' <= r|0x20 && r|0x20 <= 'z' {
				all++
			}
		case unicode.IsLetter(r):
			all++
			if unicode.In(r, scripts...) {
				those++
			}
		}
	}
	return all, those
}
