package mailbox

import (
	"bytes"
	"maps"
	"slices"
	"strconv"

	"gatepost/internal/mail"
)

// AppendStructure adds the BODYSTRUCTURE of a part, with extension data, to b
// (RFC 9051 §7.5.2).
//
// What the form can't say is said in a form that it has: a multipart in which no
// part was found is plain text, a message inside that was not walked is octets.
// Sections are numbered accordingly.
func AppendStructure(b []byte, p *mail.Part) []byte {
	b = append(b, '(')
	switch {
	case p.IsMultipart() && len(p.Parts) > 0:
		for _, child := range p.Parts {
			b = AppendStructure(b, child)
		}
		b = AppendString(append(b, ' '), p.Subtype)
		b = appendParams(append(b, ' '), p.Params)
	case p.IsMultipart():
		b = appendBasic(b, p, "text", "plain")
		b = appendCount(b, int64(p.Lines))
		b = appendNString(append(b, ' '), p.Header.Get("Content-MD5"), p.Header.Count("Content-MD5") > 0)
	case p.IsMessage() && len(p.Parts) == 0:
		b = appendBasic(b, p, "application", "octet-stream")
		b = append(b, " NIL"...)
	default:
		b = appendBasic(b, p, p.Type, p.Subtype)
		if p.IsMessage() {
			b = AppendEnvelope(append(b, ' '), p.Parts[0].Header)
			b = AppendStructure(append(b, ' '), p.Parts[0])
		}
		if p.IsMessage() || p.Type == "text" {
			b = appendCount(b, int64(p.Lines))
		}
		b = appendNString(append(b, ' '), p.Header.Get("Content-MD5"), p.Header.Count("Content-MD5") > 0)
	}
	return append(appendExtension(b, p), ')')
}

// appendBasic adds the fields that all but multiparts have.
func appendBasic(b []byte, p *mail.Part, media, subtype string) []byte {
	b = AppendString(b, media)
	b = AppendString(append(b, ' '), subtype)
	b = appendParams(append(b, ' '), p.Params)
	b = appendNString(append(b, ' '), p.ID, p.ID != "")
	b = appendNString(append(b, ' '), p.Description, p.Description != "")
	b = AppendString(append(b, ' '), p.Encoding)
	return appendCount(b, p.End-p.Body)
}

func appendCount(b []byte, n int64) []byte { return strconv.AppendInt(append(b, ' '), n, 10) }

func appendParams(b []byte, params map[string]string) []byte {
	if len(params) == 0 {
		return append(b, "NIL"...)
	}
	open := byte('(')
	for _, name := range slices.Sorted(maps.Keys(params)) {
		b = append(b, open)
		open = ' '
		b = AppendString(b, name)
		b = AppendString(append(b, ' '), params[name])
	}
	return append(b, ')')
}

// appendExtension adds disposition, language and location.
func appendExtension(b []byte, p *mail.Part) []byte {
	if p.Disposition == "" {
		b = append(b, " NIL"...)
	} else {
		b = AppendString(append(b, " ("...), p.Disposition)
		b = append(appendParams(append(b, ' '), p.DispParams), ')')
	}
	lang := p.Header.Get("Content-Language")
	b = appendNString(append(b, ' '), lang, lang != "")
	loc := p.Header.Get("Content-Location")
	return appendNString(append(b, ' '), loc, loc != "")
}

// AppendBody adds BODY, a BODYSTRUCTURE without its extension data, to b.
func AppendBody(b, structure []byte) []byte {
	items := SplitList(structure)
	if len(items) < 2 {
		return append(b, "NIL"...)
	}
	b = append(b, '(')
	if items[0][0] == '(' {
		i := 0
		for ; i < len(items) && items[i][0] == '('; i++ {
			b = AppendBody(b, items[i])
		}
		return append(appendItems(b, items[i:min(i+1, len(items))]), ')')
	}
	keep := min(len(items), 7)
	switch {
	case bytes.EqualFold(items[0], []byte(`"text"`)):
		keep = min(len(items), 8)
	case isMessageItem(items):
		b = appendItems(b, items[:8])
		b = AppendBody(append(b, ' '), items[8])
		return append(append(append(b, ' '), items[9]...), ')')
	}
	b = appendItems(b, items[:keep])
	return append(b, ')')
}

func isMessageItem(items [][]byte) bool {
	return len(items) > 9 && bytes.EqualFold(items[0], []byte(`"message"`)) &&
		(bytes.EqualFold(items[1], []byte(`"rfc822"`)) || bytes.EqualFold(items[1], []byte(`"global"`)))
}

// appendItems adds items with a space between two, and before them unless they
// are first in a list.
func appendItems(b []byte, items [][]byte) []byte {
	for _, item := range items {
		if b[len(b)-1] != '(' {
			b = append(b, ' ')
		}
		b = append(b, item...)
	}
	return b
}
