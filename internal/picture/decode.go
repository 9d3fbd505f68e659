package picture

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // the formats that image.Decode knows
	_ "image/jpeg"
	_ "image/png"
	"io"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/webp"
)

// measure reads the size of an image, and why it is not to be decoded.
func measure(file io.Reader) (size image.Point, problem string) {
	b := bufio.NewReaderSize(file, 64<<10)
	head, _ := b.Peek(64 << 10)
	c, format, err := image.DecodeConfig(b)
	if err != nil {
		return size, shorten("can't be read: " + err.Error())
	}
	size = image.Pt(c.Width, c.Height)
	if c.Width <= 0 || c.Height <= 0 {
		return size, "has no size"
	}
	if need := cost(c, format, head); int64(c.Width) > MaxMemory || int64(c.Height) > MaxMemory || int64(c.Width)*int64(c.Height)*need > MaxMemory {
		return size, fmt.Sprintf("too large to be looked at: %d × %d pixels", c.Width, c.Height)
	}
	return size, ""
}

// cost is what decoding takes, in octets a pixel.
func cost(c image.Config, format string, head []byte) int64 {
	switch format {
	case "jpeg":
		if isProgressive(head) {
			return 3 + 3*4 // the decoder keeps a coefficient of four octets for each sample
		}
		return 3
	case "webp":
		return 4
	}
	if _, ok := c.ColorModel.(color.Palette); ok {
		return 2
	}
	switch c.ColorModel {
	case color.GrayModel:
		return 1
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	}
	return 4
}

// isProgressive reports whether a JPEG file's frame is of that kind (ITU T.81 §B.2.2: SOF2).
// Where the frame does not begin in head, it is taken for one.
func isProgressive(head []byte) bool {
	for i := 2; i+4 <= len(head); {
		if head[i] != 0xff {
			return true
		}
		switch marker := head[i+1]; {
		case marker == 0xff: // a fill octet
			i++
			continue
		case marker == 0xc0 || marker == 0xc1:
			return false
		case marker == 0xc2:
			return true
		}
		i += 2 + int(binary.BigEndian.Uint16(head[i+2:]))
	}
	return true
}

// maxScans bounds the scans of a JPEG file (ITU T.81 §B.2.3): a progressive picture has some ten, and
// each goes through all of it, though it may be written in twelve octets.
const maxScans = 60

var errScans = errors.New("a JPEG of too many scans")

// guarded reads a file for a decoder, which knows neither context nor bound: it ends with ctx, and
// behind too many starts of a scan. In what is coded these octets never stand; what else has them
// in its data is taken for one.
type guarded struct {
	ctx   context.Context
	r     io.Reader
	scans int
	ff    bool // the last octet read was 0xff
}

// Read implements io.Reader.
func (g *guarded) Read(b []byte) (int, error) {
	if err := g.ctx.Err(); err != nil {
		return 0, err
	}
	if g.scans > maxScans {
		return 0, errScans
	}
	n, err := g.r.Read(b)
	for i, c := range b[:n] {
		if g.ff && c == 0xda {
			if g.scans++; g.scans > maxScans {
				return i, nil // what stands before it is not to be lost: by that the format is known
			}
		}
		g.ff = c == 0xff
	}
	return n, err
}

// shrink returns an image in shades of gray, on white, each pixel the mean of a square of
// the original's, so that the longer side is most pixels at most.
func shrink(img image.Image, most int) *image.Gray {
	b := img.Bounds()
	k := (max(b.Dx(), b.Dy()) + most - 1) / most
	k = max(k, 1)
	g := image.NewGray(image.Rect(0, 0, max(b.Dx()/k, 1), max(b.Dy()/k, 1)))
	at := luma(img)
	for y := range g.Rect.Dy() {
		for x := range g.Rect.Dx() {
			sum, n := 0, 0
			for dy := range k {
				for dx := range k {
					if px, py := b.Min.X+x*k+dx, b.Min.Y+y*k+dy; px < b.Max.X && py < b.Max.Y {
						sum += int(at(px, py))
						n++
					}
				}
			}
			g.Pix[y*g.Stride+x] = uint8(sum / max(n, 1))
		}
	}
	return g
}

// luma returns what tells the brightness of a pixel, as it looks on white.
func luma(img image.Image) func(x, y int) uint8 {
	switch img := img.(type) {
	case *image.YCbCr:
		return func(x, y int) uint8 { return img.Y[img.YOffset(x, y)] }
	case *image.Gray:
		return func(x, y int) uint8 { return img.Pix[img.PixOffset(x, y)] }
	case *image.NRGBA:
		return func(x, y int) uint8 {
			p := img.Pix[img.PixOffset(x, y):]
			return onWhite(weigh(uint32(p[0]), uint32(p[1]), uint32(p[2]))*uint32(p[3])/255, uint32(p[3]))
		}
	case *image.RGBA:
		return func(x, y int) uint8 {
			p := img.Pix[img.PixOffset(x, y):]
			return onWhite(weigh(uint32(p[0]), uint32(p[1]), uint32(p[2])), uint32(p[3]))
		}
	case *image.Paletted:
		shades := make([]uint8, 256)
		for i, c := range img.Palette {
			shades[i] = shade(c)
		}
		return func(x, y int) uint8 { return shades[img.Pix[img.PixOffset(x, y)]] }
	}
	return func(x, y int) uint8 { return shade(img.At(x, y)) }
}

func shade(c color.Color) uint8 {
	r, g, b, a := c.RGBA()
	return onWhite(weigh(r>>8, g>>8, b>>8), a>>8)
}

// weigh returns the luma of ITU-R BT.601.
func weigh(r, g, b uint32) uint32 { return (299*r + 587*g + 114*b) / 1000 }

// onWhite puts a shade, multiplied by its opacity, on white.
func onWhite(v, alpha uint32) uint8 { return uint8(min(v+255-min(alpha, 255), 255)) }
