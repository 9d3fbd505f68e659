package mail

import (
	"errors"
	"io"
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

// Text returns the body of the part, decoded and in UTF-8, lines ended by LF, and
// whether that is all of it: at most limit octets of the decoded body are read.
func (m *Message) Text(p *Part, limit int64) (string, bool) {
	size := p.End - p.Body
	if limit <= 0 {
		return "", size == 0
	}
	b := make([]byte, min(size, limit+1)) // decoding makes nothing longer
	n, err := io.ReadFull(m.Decoded(p), b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	m.failed(err)
	b = b[:n]
	whole := err == nil || errors.Is(err, io.EOF)
	if int64(n) > limit {
		b, whole = b[:limit], false
	}
	return decodeBody(p, b), whole
}
