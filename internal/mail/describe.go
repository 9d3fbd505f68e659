package mail

import "strings"

// describe fills in what the header says of the part. In a multipart/digest the
// default type is message/rfc822 (RFC 2046 §5.1.5).
func (p *Part) describe(digest bool) {
	p.setType(digest)
	if f := p.Header.first("Content-Disposition"); f != nil {
		var rest string
		p.Disposition, rest = cutToken(skipSpace(f.Value()))
		p.Disposition = strings.ToLower(p.Disposition)
		p.DispParams = parseParams(rest)
	}
	p.Filename = p.DispParams["filename"]
	if p.Filename == "" {
		p.Filename = p.Params["name"]
	}
	p.ID = p.Header.Get("Content-ID")
	p.Description = p.Header.Get("Content-Description")
	p.setEncoding()
	if p.Header.Cut {
		p.Flags |= HeaderCut
	}
	if p.IsMultipart() && p.boundary() == nil {
		p.Flags |= NoBoundary
	}
}

// setType reads Content-Type, "text/html; charset=utf-8" (RFC 2045 §5.1).
func (p *Part) setType(digest bool) {
	if f := p.Header.first("Content-Type"); f != nil {
		t, rest := cutToken(skipSpace(f.Value()))
		rest = skipSpace(rest)
		if t != "" && strings.HasPrefix(rest, "/") {
			sub, rest := cutToken(skipSpace(rest[1:]))
			if sub != "" {
				p.Type, p.Subtype = strings.ToLower(t), strings.ToLower(sub)
				p.Params = parseParams(rest)
				return
			}
		}
		p.Flags |= BadType
	}
	if digest {
		p.Type, p.Subtype = "message", "rfc822"
		return
	}
	p.Type, p.Subtype = "text", "plain"
	p.Params = map[string]string{"charset": "us-ascii"}
}

// setEncoding reads Content-Transfer-Encoding (RFC 2045 §6.1). Composite types
// may not be encoded (§6.4): of one that says so the parts, if it has any, are
// taken as they stand.
func (p *Part) setEncoding() {
	p.Encoding = "7bit"
	if f := p.Header.first("Content-Transfer-Encoding"); f != nil {
		value := skipSpace(f.Value())
		token, _ := cutToken(value)
		if token == "" {
			token = value
		}
		p.Encoding = strings.ToLower(token)
	}
	switch p.Encoding {
	case "7bit", "8bit", "binary":
	case "quoted-printable", "base64":
		if p.IsMultipart() {
			p.Flags |= BadEncoding
		}
	default:
		p.Flags |= BadEncoding
	}
}

// plain reports whether the body's octets are the content itself.
func (p *Part) plain() bool { return p.Encoding != "base64" && p.Encoding != "quoted-printable" }

// boundary returns "--" and the boundary of a multipart, nil if it has none that
// a delimiter line can show. RFC 2046 §5.1.1 allows 70 octets, real mail has more.
func (p *Part) boundary() []byte {
	b := strings.TrimRight(p.Params["boundary"], " \t")
	if b == "" || len(b) > maxDelimiter-6 {
		return nil
	}
	return []byte("--" + b)
}
