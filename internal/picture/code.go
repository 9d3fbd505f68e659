package picture

import (
	"image"
	"slices"
	"strings"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/detector"
)

const (
	maxText  = 4 << 10 // octets of what a code says; the largest code has 2,953
	maxTries = 60      // triples of corners that are read as a code's
)

// codes returns what the QR codes in a picture say: dark on light, or, where there are none,
// light on dark.
func codes(g *image.Gray) []string {
	g = enlarge(g)
	if g == nil {
		return nil
	}
	list := codesOf(g)
	if len(list) == 0 {
		for i := range g.Pix {
			g.Pix[i] = ^g.Pix[i]
		}
		list = codesOf(g)
	}
	return list
}

// enlarge returns a picture in which a dot of a small code, which a reader sees enlarged, has
// several pixels, in memory of its own; nil where it is too small for any code.
func enlarge(g *image.Gray) *image.Gray {
	const smallest, enough = 21, 300 // dots of a side of the smallest code; pixels
	w, h := g.Rect.Dx(), g.Rect.Dy()
	if w < smallest || h < smallest {
		return nil
	}
	k := max(1, (enough+max(w, h)-1)/max(w, h))
	margin := 4 * k // a code may fill the picture to its edge
	big := image.NewGray(image.Rect(0, 0, w*k+2*margin, h*k+2*margin))
	for i := range big.Pix {
		big.Pix[i] = 255
	}
	for y := range h * k {
		row := big.Pix[(y+margin)*big.Stride+margin:]
		for x := range w * k {
			row[x] = g.Pix[y/k*g.Stride+x/k]
		}
	}
	return big
}

func codesOf(g *image.Gray) (list []string) {
	dark, err := binarize(g)
	if err != nil {
		return nil
	}
	corners := findCorners(dark)
	used := make([]bool, len(corners))
	for i, t := range triples(corners) {
		if i == maxTries || len(list) == MaxCodes {
			break
		}
		if used[t.corners[0]] || used[t.corners[1]] || used[t.corners[2]] {
			continue
		}
		text, ok := read(dark, corners, t)
		if !ok {
			continue
		}
		for _, c := range t.corners {
			used[c] = true
		}
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}

// binarize says for each pixel whether it is dark, beside those around it.
func binarize(g *image.Gray) (*gozxing.BitMatrix, error) {
	w, h := g.Rect.Dx(), g.Rect.Dy() // it has no margin between rows, as enlarge made it
	source, err := gozxing.NewPlanarYUVLuminanceSource(g.Pix, g.Stride, h, 0, 0, w, h, false)
	if err != nil {
		return nil, err
	}
	return gozxing.NewHybridBinarizer(source).GetBlackMatrix()
}

// read reads the code with three corners.
func read(dark *gozxing.BitMatrix, corners []corner, t triple) (string, bool) {
	var points []gozxing.ResultPoint
	for _, i := range t.corners {
		points = append(points, detector.NewFinderPattern(corners[i].x, corners[i].y, corners[i].dot, corners[i].rows))
	}
	a, b, c := gozxing.ResultPoint_OrderBestPatterns(points[0], points[1], points[2])
	info := detector.NewFinderPatternInfo(a.(*detector.FinderPattern), b.(*detector.FinderPattern), c.(*detector.FinderPattern))
	found, err := detector.NewDetector(dark).ProcessFinderPatternInfo(info)
	if err != nil {
		return "", false
	}
	said, err := decoder.NewDecoder().DecodeWithoutHint(found.GetBits())
	if err != nil {
		return "", false
	}
	text := said.GetText()
	text = strings.ToValidUTF8(text[:min(len(text), maxText)], "")
	return text, text != ""
}
