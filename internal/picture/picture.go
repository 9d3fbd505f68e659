package picture

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"io"
	"strings"

	"gatepost/internal/mail"
)

// Bounds of the work for one message.
const (
	MaxPictures = 12       // images that are looked at
	MaxCodes    = 8        // QR codes that are read in one image
	MaxMemory   = 12 << 20 // octets that decoding an image may take
	MaxFile     = 10 << 20 // octets of its file that are read
	maxSide     = 1000     // pixels of the longer side with which an image is searched
	minSide     = 24       // smaller ones are marks and counters, not pictures
)

// A Picture is what there is to know of one image of a message.
type Picture struct {
	Part          *mail.Part // nil for an image in the text itself (a data: address)
	Width, Height int        // pixels, 0 where they can't be read
	Hash          uint64     // see Distance
	Hashed        bool       // false: too small, too plain, or not read
	Codes         []string   // what its QR codes say, each once, MaxCodes at most
	Problem       string     // why it was not, or not wholly, looked at; "" as a rule

	inline []byte // the file, where Part is nil
}

// A Reader reads images, a limited number at a time in the whole program.
type Reader struct{ places chan struct{} }

// NewReader returns a Reader that decodes at most n images at a time, at least one.
func NewReader(n int) *Reader { return &Reader{places: make(chan struct{}, max(n, 1))} }

// Of returns the pictures of a message in the order of its parts, those inside its HTML last,
// MaxPictures at most, and whether those are all. It returns an error only when ctx ends, or
// where the content can't be read.
func (r *Reader) Of(ctx context.Context, m *mail.Message) (list []Picture, whole bool, err error) {
	list, whole = find(m)
	for i := range list {
		err := r.with(ctx, m, &list[i], func(img image.Image) {
			g := shrink(img, maxSide)
			list[i].Hash, list[i].Hashed = hash(g)
			list[i].Codes = codes(g)
		})
		if err != nil {
			return nil, false, err
		}
	}
	return list, whole, m.Err()
}

// Hashes returns the hashes of a message's pictures, each once: what spam teaches.
func (r *Reader) Hashes(ctx context.Context, m *mail.Message) ([]uint64, error) {
	list, _ := find(m)
	var hashes []uint64
	for i := range list {
		err := r.with(ctx, m, &list[i], func(img image.Image) {
			if h, ok := hash(shrink(img, maxSide)); ok {
				hashes = append(hashes, h)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return unique(hashes), m.Err()
}

// Gray returns a picture of m in shades of gray, its longer side side pixels at most; nil where it
// can't be read.
func (r *Reader) Gray(ctx context.Context, m *mail.Message, p Picture, side int) (g *image.Gray, err error) {
	err = r.with(ctx, m, &p, func(img image.Image) { g = shrink(img, side) })
	return g, err
}

// with decodes a picture when there is a place and hands it to f, or notes in it why not.
func (r *Reader) with(ctx context.Context, m *mail.Message, p *Picture, f func(image.Image)) error {
	select {
	case r.places <- struct{}{}:
		defer func() { <-r.places }()
	case <-ctx.Done():
		return fmt.Errorf("picture: wait for a place: %w", context.Cause(ctx))
	}
	defer func() { // the decoders are others' code, and meet what somebody made to break them
		if v := recover(); v != nil {
			p.Problem = shorten(fmt.Sprint("the image breaks its decoder: ", v))
		}
	}()
	open := func() io.Reader { return io.LimitReader(p.file(m), MaxFile) }
	size, problem := measure(open())
	p.Width, p.Height, p.Problem = size.X, size.Y, problem
	if problem != "" || size.X < minSide || size.Y < minSide {
		return nil
	}
	img, _, err := image.Decode(&guarded{ctx: ctx, r: open()})
	if err != nil {
		p.Problem = shorten("can't be decoded: " + err.Error())
		return ctx.Err()
	}
	f(img)
	return nil
}

func (p *Picture) file(m *mail.Message) io.Reader {
	if p.Part == nil {
		return bytes.NewReader(p.inline)
	}
	return m.Decoded(p.Part)
}

// find lists the images of a message.
func find(m *mail.Message) (list []Picture, whole bool) {
	for part := range m.Root().All() {
		if !isImage(part) {
			continue
		}
		if len(list) == MaxPictures {
			return list, false
		}
		list = append(list, Picture{Part: part})
	}
	inline, whole := findInline(m.Extract().HTML, MaxPictures-len(list))
	return append(list, inline...), whole
}

func isImage(p *mail.Part) bool {
	if p.IsMultipart() || p.IsMessage() {
		return false
	}
	if p.Type == "image" {
		return true
	}
	name := strings.ToLower(p.Filename)
	for _, end := range []string{".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".webp"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// findInline finds images that stand in HTML as data: addresses (RFC 2397), n at most.
func findInline(html string, n int) (list []Picture, whole bool) {
	const start, mark = "data:image/", ";base64,"
	for {
		i := strings.Index(html, start)
		if i < 0 {
			return list, true
		}
		html = html[i+len(start):]
		j := strings.Index(html[:min(len(html), 100)], mark)
		if j < 0 {
			continue
		}
		if len(list) >= n {
			return list, false
		}
		html = html[j+len(mark):]
		end := strings.IndexAny(html, `"'>) `)
		if end < 0 {
			end = len(html)
		}
		b, _ := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(html[:end]), "")) // what is whole counts
		if len(b) > 0 {
			list = append(list, Picture{inline: b})
		}
	}
}

func unique(list []uint64) (out []uint64) {
	seen := map[uint64]bool{}
	for _, h := range list {
		if !seen[h] {
			seen[h] = true
			out = append(out, h)
		}
	}
	return out
}

// shorten keeps the start of a text that others made.
func shorten(s string) string {
	const most = 100
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "")
}
