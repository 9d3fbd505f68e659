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
	if d := p.decoder(); d != nil {
		return &transferReader{src: raw, dec: d}
	}
	return raw
}

// decoder returns what undoes the part's encoding, nil where there is nothing to undo.
func (p *Part) decoder() transferDecoder {
	switch {
	case p.IsMultipart():
	case p.Encoding == "base64":
		return &base64Decoder{}
	case p.Encoding == "quoted-printable":
		return &quotedDecoder{}
	}
	return nil
}

// decode returns the part's body decoded, most octets of it at most: where there is nothing to
// undo they are those of body.
func (p *Part) decode(body []byte, most int64) []byte {
	d := p.decoder()
	if d == nil {
		return body[:min(int64(len(body)), most)]
	}
	const piece = 4096
	out := make([]byte, 0, min(int64(len(body)), most+piece))
	for len(body) > 0 && int64(len(out)) < most {
		n := min(len(body), piece)
		out = d.decode(out, body[:n])
		body = body[n:]
	}
	if len(body) == 0 {
		out = d.flush(out)
	}
	return out[:min(int64(len(out)), most)]
}

// Text returns the body of the part, decoded and in UTF-8, lines ended by LF, and
// whether that is all of it: at most limit octets of the decoded body are read.
func (m *Message) Text(p *Part, limit int64) (string, bool) {
	size := p.End - p.Body
	if limit <= 0 {
		return "", size == 0
	}
	if m.memory != nil {
		b := p.decode(m.memory[p.Body:p.End], limit+1)
		return decodeBody(p, b[:min(int64(len(b)), limit)]), int64(len(b)) <= limit
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
