package picture

import (
	"cmp"
	"math"
	"slices"

	"github.com/makiuchi-d/gozxing"
)

// A corner is where three of the four corners of a QR code could be: a square in a ring, which
// any line through its middle cuts in the proportion 1:1:3:1:1 (ISO/IEC 18004 §6.3.3).
type corner struct {
	x, y float64 // of the middle
	dot  float64 // pixels of one dot of the code
	rows int     // rows in which it was seen
}

// maxCorners bounds those that are kept. In a picture made to have thousands the search ends
// early; a camera does not find the code in it either.
const maxCorners = 60

// findCorners goes through a picture row by row.
func findCorners(dark *gozxing.BitMatrix) []corner {
	f := &cornerFinder{dark: dark, w: dark.GetWidth(), h: dark.GetHeight()}
	for y := 0; y < f.h && len(f.found) < 4*maxCorners; y++ {
		f.row(y)
	}
	list := slices.DeleteFunc(f.found, func(c corner) bool { return c.rows < 2 })
	slices.SortStableFunc(list, func(a, b corner) int { return cmp.Compare(b.rows, a.rows) })
	return list[:min(len(list), maxCorners)]
}

type cornerFinder struct {
	dark  *gozxing.BitMatrix
	w, h  int
	found []corner
}

// row looks at the runs of one row: dark ones have odd numbers, the first light one may be empty.
func (f *cornerFinder) row(y int) {
	var runs [5]int // the last five
	n, length, colour := 0, 0, false
	for x := 0; x <= f.w; x++ {
		if x < f.w && f.dark.Get(x, y) == colour {
			length++
			continue
		}
		copy(runs[:], runs[1:])
		runs[4] = length
		if n++; colour && n >= 6 && isRing(runs) {
			f.check(float64(x-runs[4]-runs[3])-float64(runs[2])/2, y, sum(runs))
		}
		length, colour = 1, !colour
	}
}

// isRing reports whether runs are in the proportion of a corner.
func isRing(runs [5]int) bool {
	if slices.Contains(runs[:], 0) || sum(runs) < 7 {
		return false
	}
	dot := float64(sum(runs)) / 7
	for i, run := range runs {
		want := dot
		if i == 2 {
			want = 3 * dot
		}
		if math.Abs(float64(run)-want) >= want/2+0.5 {
			return false
		}
	}
	return true
}

// check sees whether the column through a middle has the same proportion, and notes the corner.
func (f *cornerFinder) check(x float64, y, total int) {
	middle, high, ok := f.across(int(x), y, total, func(x, y int) (int, int) { return x, y })
	if !ok {
		return
	}
	centre, wide, ok := f.across(int(middle), int(x), total, func(y, x int) (int, int) { return x, y })
	if !ok {
		return
	}
	f.note(corner{x: centre, y: middle, dot: float64(high+wide) / 14, rows: 1})
}

// across measures the five runs along a line through a place, and returns their middle and
// sum. The line has one coordinate fixed, and at puts both in order.
func (f *cornerFinder) across(fixed, start, total int, at func(fixed, along int) (x, y int)) (middle float64, size int, ok bool) {
	isDark := func(i int) (dark, inside bool) {
		x, y := at(fixed, i)
		if x < 0 || y < 0 || x >= f.w || y >= f.h {
			return false, false
		}
		return f.dark.Get(x, y), true
	}
	run := func(from, step int, colour bool) int {
		n := 0
		for n <= total {
			dark, inside := isDark(from + n*step)
			if !inside || dark != colour {
				break
			}
			n++
		}
		return n
	}
	up := run(start, -1, true)
	if up == 0 {
		return 0, 0, false
	}
	down := run(start+1, 1, true)
	lightUp := run(start-up, -1, false)
	darkUp := run(start-up-lightUp, -1, true)
	lightDown := run(start+1+down, 1, false)
	darkDown := run(start+1+down+lightDown, 1, true)
	runs := [5]int{darkUp, lightUp, up + down, lightDown, darkDown}
	size = sum(runs)
	if !isRing(runs) || 5*abs(size-total) >= 2*total {
		return 0, 0, false
	}
	first := start - up + 1
	return float64(first) + float64(up+down)/2, size, true
}

// note adds a corner, or another row of one.
func (f *cornerFinder) note(c corner) {
	for i := range f.found {
		o := &f.found[i]
		if math.Abs(o.x-c.x) <= o.dot && math.Abs(o.y-c.y) <= o.dot*2 && math.Abs(o.dot-c.dot) <= max(1, o.dot/2) {
			n := float64(o.rows)
			o.x, o.y, o.dot = (o.x*n+c.x)/(n+1), (o.y*n+c.y)/(n+1), (o.dot*n+c.dot)/(n+1)
			o.rows++
			return
		}
	}
	f.found = append(f.found, c)
}

// A triple is three corners that could be of one code.
type triple struct {
	corners [3]int
	off     float64 // how far they are from half a square
}

// triples returns those three corners each that make about half a square, the best first.
func triples(list []corner) (found []triple) {
	for i := range list {
		for j := range list {
			for k := j + 1; k < len(list); k++ {
				if j == i || k == i {
					continue
				}
				if e, ok := half(list[i], list[j], list[k]); ok {
					found = append(found, triple{[3]int{i, j, k}, e})
				}
			}
		}
	}
	slices.SortStableFunc(found, func(a, b triple) int { return cmp.Compare(a.off, b.off) })
	return found
}

// half reports whether two corners stand at right angles, and equally far, from the first.
func half(at, a, b corner) (off float64, ok bool) {
	if small, big := min(at.dot, a.dot, b.dot), max(at.dot, a.dot, b.dot); big > 1.5*small+0.5 {
		return 0, false
	}
	ax, ay, bx, by := a.x-at.x, a.y-at.y, b.x-at.x, b.y-at.y
	la, lb := math.Hypot(ax, ay), math.Hypot(bx, by)
	dot := (at.dot + a.dot + b.dot) / 3
	const least, most = 14 * 0.7, 170 * 1.4 // dots between two corners in the smallest code and the largest
	if min(la, lb) < least*dot || max(la, lb) > most*dot {
		return 0, false
	}
	skew, lean := math.Abs(la-lb)/max(la, lb), math.Abs(ax*bx+ay*by)/(la*lb)
	return skew + lean, skew < 0.3 && lean < 0.35
}

func sum(runs [5]int) int { return runs[0] + runs[1] + runs[2] + runs[3] + runs[4] }

func abs(n int) int { return max(n, -n) }
