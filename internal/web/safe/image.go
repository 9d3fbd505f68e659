package safe

import (
	"bytes"
	"encoding/base64"
	"image"
	_ "image/gif" // the formats that are shown
	_ "image/jpeg"
	_ "image/png"
	"io"
	"net/url"
	"strings"

	"gatepost/internal/mail"
)

// images are those that a message has with it, each read when it is first asked for.
type images struct {
	over    func() error // why nobody waits for them any more; nil: somebody does
	message *mail.Message
	byID    map[string]*mail.Part
	known   map[*mail.Part]string // as data: URIs, "" where it can't be shown
	shown   map[string]bool       // the URIs that were handed out
	count   int
	sum     int
	written int // octets of data: URIs handed out
}

func newImages(m *mail.Message, over func() error) *images {
	i := &images{over: over, message: m, byID: map[string]*mail.Part{}, known: map[*mail.Part]string{}, shown: map[string]bool{}}
	for p := range m.Root().All() {
		id := strings.Trim(p.ID, "<> \t")
		if _, twice := i.byID[id]; id != "" && !twice && !p.IsMultipart() {
			i.byID[id] = p
		}
	}
	return i
}

// An image may be shown many times, and its data: URI is in the document each time.
const (
	maxWritten  = MaxImageSum/3*4 + MaxImageSum/4 // octets of data: URIs in one document
	maxRepeated = 16 << 10                        // octets of a URI that is there more than once
)

// uri returns the data: URI of what an image's source names, "" where that is not in the
// message, is no image that browsers show without running anything, or is beyond bounds.
func (i *images) uri(source string) string {
	if i.over() != nil {
		return ""
	}
	uri := i.resolve(strings.TrimSpace(source))
	if i.written+len(uri) > maxWritten || i.shown[uri] && len(uri) > maxRepeated {
		return ""
	}
	i.shown[uri] = true
	i.written += len(uri)
	return uri
}

func (i *images) resolve(source string) string {
	scheme, rest, _ := strings.Cut(source, ":")
	switch strings.ToLower(scheme) {
	case "cid":
		if id, err := url.PathUnescape(rest); err == nil {
			return i.part(i.byID[id])
		}
	case "data":
		if _, code, ok := strings.Cut(rest, ";base64,"); ok && len(code) <= MaxImage/3*4 {
			b, _ := io.ReadAll(base64.NewDecoder(base64.StdEncoding, strings.NewReader(code)))
			return i.encode(b)
		}
	}
	return ""
}

func (i *images) part(p *mail.Part) string {
	if p == nil || p.End-p.Body > 2*MaxImage {
		return ""
	}
	if uri, ok := i.known[p]; ok {
		return uri
	}
	b, err := io.ReadAll(io.LimitReader(i.message.Decoded(p), MaxImage+1))
	if err != nil || len(b) > MaxImage {
		b = nil
	}
	i.known[p] = i.encode(b)
	return i.known[p]
}

// encode returns the data: URI of an image, whose type is what it is, not what it is
// called: SVG is none, since it is a document.
func (i *images) encode(b []byte) string {
	if i.count >= MaxImages || i.sum+len(b) > MaxImageSum {
		return ""
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil || format != "png" && format != "gif" && format != "jpeg" || config.Width <= 0 || config.Height <= 0 || config.Width > MaxPixels/config.Height {
		return ""
	}
	i.count++
	i.sum += len(b)
	return "data:image/" + format + ";base64," + base64.StdEncoding.EncodeToString(b)
}
