package picture

import (
	"image"
	"math"
	"math/bits"
	"slices"
)

// Near is the distance up to which two pictures are taken for one.
const Near = 6

// Distance returns in how many of their 64 bits two hashes differ: 0 for pictures that look the
// same, some 32 for two that have nothing in common.
func Distance(a, b uint64) int { return bits.OnesCount64(a ^ b) }

const (
	grid = 32 // squares that a side is divided into
	low  = 8  // frequencies of each direction that count
)

// hash returns which of a picture's 64 lowest frequencies are above their median. The lowest
// of all, its brightness, is not among them; the ninth along a row has its place. A picture that is
// plain, or has too few pixels, has no hash: noise would decide the bits.
func hash(g *image.Gray) (uint64, bool) {
	if g.Rect.Dx() < grid/2 || g.Rect.Dy() < grid/2 {
		return 0, false
	}
	f := frequencies(squares(g))
	const least = 2.0 // mean weight of a frequency, in shades
	sum := 0.0
	for _, v := range f {
		sum += math.Abs(v)
	}
	if sum/float64(len(f)) < least {
		return 0, false
	}
	sorted := slices.Clone(f[:])
	slices.Sort(sorted)
	median := (sorted[len(sorted)/2-1] + sorted[len(sorted)/2]) / 2
	var h uint64
	for i, v := range f {
		if v > median {
			h |= 1 << i
		}
	}
	return h, true
}

// squares returns the mean brightness of 32 × 32 fields of a picture.
func squares(g *image.Gray) *[grid][grid]float64 {
	var s [grid][grid]float64
	w, h := g.Rect.Dx(), g.Rect.Dy()
	for y := range grid {
		y0 := y * h / grid
		y1 := max((y+1)*h/grid, y0+1)
		for x := range grid {
			x0 := x * w / grid
			x1 := max((x+1)*w/grid, x0+1)
			sum := 0
			for py := y0; py < y1; py++ {
				for _, v := range g.Pix[py*g.Stride+x0 : py*g.Stride+x1] {
					sum += int(v)
				}
			}
			s[y][x] = float64(sum) / float64((y1-y0)*(x1-x0))
		}
	}
	return &s
}

// frequencies returns the lowest of the two-dimensional DCT-II, rows first, scaled so that they are
// in shades of gray.
func frequencies(s *[grid][grid]float64) (f [low * low]float64) {
	var wave [low + 1][grid]float64
	for u := range wave {
		for x := range grid {
			wave[u][x] = math.Cos(math.Pi*float64(2*x+1)*float64(u)/(2*grid)) * 2 / grid
		}
	}
	var rows [grid][low + 1]float64
	for y := range grid {
		for u := range rows[y] {
			for x := range grid {
				rows[y][u] += s[y][x] * wave[u][x]
			}
		}
	}
	for i := range f {
		u, v := i%low, i/low
		if i == 0 {
			u = low
		}
		for y := range grid {
			f[i] += rows[y][u] * wave[v][y]
		}
	}
	return f
}
