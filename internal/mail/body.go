package mail

import (
	"io"
	"strings"
)

// Raw returns the octets of the part's body as they stand in the content.
func (m *Message) Raw(p *Part) *io.SectionReader {
	return io.NewSectionReader(m.content, p.Body, p.End-p.Body)
}

// Decoded returns the body of the part with its transfer encoding undone. Broken
// base64 or quoted-printable is no error: what can be decoded is, since a mail
// client would show it. What remains are the errors of reading the content.
func (m *Message) Decoded(p *Part) io.Reader {
	raw := m.Raw(p)
	switch {
	case p.IsMultipart():
		return raw
	case p.Encoding == "base64":
		return &transferReader{src: raw, dec: &base64Decoder{}}
	case p.Encoding == "quoted-printable":
		return &transferReader{src: raw, dec: &quotedDecoder{}}
	}
	return raw
}

// Text returns the body of the part, decoded and in UTF-8, and whether that is all
// of it: at most limit octets of the decoded body are read.
func (m *Message) Text(p *Part, limit int64) (string, bool) {
	if limit <= 0 {
		return "", p.End == p.Body
	}
	b, err := io.ReadAll(io.LimitReader(m.Decoded(p), limit+1))
	m.failed(err)
	whole := err == nil
	if int64(len(b)) > limit {
		b, whole = b[:limit], false
	}
	return strings.ReplaceAll(toUTF8(p.Params["charset"], b), "\r\n", "\n"), whole
}
