package attachment

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"gatepost/internal/mail"
)

// A reading is another way to read a part than mail's: of what it says twice, mail programs
// take one or the other, and some decode what may not be encoded (RFC 2045 §6.4).
type reading struct {
	head   string    // the header that says it clearly
	body   mail.Part // what follows it, decoded by its Encoding
	decode bool
}

// maxReadings bounds the readings of a message: each costs a pass over a part.
const maxReadings = 16

// readings returns the other ways to read a part.
func readings(p *mail.Part) (list []reading) {
	if !p.IsMultipart() && p.Header.Count("Content-Type") < 2 && p.Header.Count("Content-Transfer-Encoding") < 2 && !strings.HasPrefix(p.Encoding, `"`) {
		return nil // as a rule
	}
	types := p.Header.All("Content-Type")
	encodings := []string{p.Encoding}
	for i, value := range p.Header.All("Content-Transfer-Encoding") {
		if i > 0 || strings.HasPrefix(value, `"`) {
			encodings = append(encodings, strings.ToLower(strings.Trim(value, " \t\"';")))
		}
	}
	if len(types) == 0 {
		types = []string{"text/plain"}
	}
	slices.Sort(encodings)
	for i, value := range types[:min(len(types), maxReadings)] {
		for _, encoding := range slices.Compact(encodings) {
			list = append(list, typed(p, value, encoding, i == 0)...)
		}
	}
	return list
}

// typed returns the readings of a part as one type and encoding; first is the one that mail reads.
func typed(p *mail.Part, value, encoding string, first bool) (list []reading) {
	packed := encoding == "base64" || encoding == "quoted-printable"
	body := *p
	body.Type, body.Subtype, body.Encoding = "application", "octet-stream", "binary"
	if !strings.HasPrefix(strings.ToLower(strings.TrimSpace(value)), "multipart") {
		if first && encoding == p.Encoding {
			return nil
		}
		head := "Content-Type: " + value + "\r\nContent-Transfer-Encoding: " + encoding + "\r\n"
		if attached(p) || !first {
			head += "Content-Disposition: attachment; " + strings.TrimLeft(after(p.Header.Get("Content-Disposition")), " ") + "\r\n"
		}
		return []reading{{head: head + "\r\n", body: body}}
	}
	for _, boundary := range mail.Boundaries(value) {
		head := fmt.Sprintf("Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n", strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(boundary))
		if !first || boundary != p.Params["boundary"] {
			list = append(list, reading{head: head, body: body})
		}
		if packed {
			decoded := body
			decoded.Encoding = encoding
			list = append(list, reading{head: head, body: decoded, decode: true})
		}
	}
	return list
}

// after returns what follows the first semicolon.
func after(value string) string {
	_, rest, _ := strings.Cut(value, ";")
	return rest
}

// epilogue returns a reading of what follows the end of a multipart, where some programs go on.
func epilogue(m *mail.Message, p *mail.Part) (reading, bool) {
	boundary := strings.TrimRight(p.Params["boundary"], " \t")
	if len(p.Parts) == 0 || boundary == "" || p.Flags.Has(mail.NoCloseBoundary) {
		return reading{}, false
	}
	from := p.Parts[len(p.Parts)-1].End
	b := make([]byte, min(p.End-from, int64(len(boundary))+16))
	n, _ := m.ReadAt(b, from)
	end := "--" + boundary + "--"
	i := bytes.Index(b[:n], []byte(end))
	if i < 0 || p.End-from <= int64(i+2*len(end)) {
		return reading{}, false
	}
	body := *p
	body.Type, body.Encoding, body.Body = "application", "binary", from+int64(i+len(end))
	return reading{head: fmt.Sprintf("Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n", strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(boundary)), body: body}, true
}

// again looks at a part as others may read it. What is only odd then doesn't count.
func (w *walker) again(m *mail.Message, p *mail.Part, at place) {
	list := readings(p)
	if r, ok := epilogue(m, p); ok {
		list = append(list, r)
	}
	for _, r := range list {
		if w.over {
			return
		}
		if w.readings++; w.readings > maxReadings {
			f := w.begin(p.Filename, at)
			w.burst(f, fmt.Sprintf("more than %d ways to read it", maxReadings))
			w.end(f)
			return
		}
		w.reading(m, r, at)
	}
}

func (w *walker) reading(m *mail.Message, r reading, at place) {
	body, size := io.ReaderAt(m.Raw(&r.body)), r.body.End-r.body.Body
	if r.decode {
		src := newSource(m, &r.body)
		src.pieces = true
		if err := src.scan(w.ctx, io.Discard, w.buffer()); err != nil {
			return // of the message itself; it is met again
		}
		body, size = src, src.size
	}
	other := mail.NewSpooled(headed{r.head, body}, int64(len(r.head))+size)
	w.others++
	w.message(other, at)
	w.others--
	if err := other.Err(); err != nil && w.failed == nil {
		w.failed = err
	}
}

// A headed is a header and a body behind it.
type headed struct {
	head string
	body io.ReaderAt
}

// ReadAt implements io.ReaderAt.
func (h headed) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(h.head)) {
		return h.body.ReadAt(p, off-int64(len(h.head)))
	}
	n := copy(p, h.head[off:])
	if n == len(p) {
		return n, nil
	}
	more, err := h.body.ReadAt(p[n:], 0)
	return n + more, err
}

// onlyBroken drops what is expected of a content that is read in a way in which it was not meant.
func onlyBroken(flags []Flag) []Flag {
	return slices.DeleteFunc(flags, func(g Flag) bool { return g.Class == Broken || g.Class == Unread })
}
