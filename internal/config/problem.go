package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Problem is one mistake, told so that it can be mended.
type Problem struct {
	Where string // "config.yaml", "--set limits.errors", "GATEPOST_DATA"
	Line  int    // in the file; 0 where it is no file or the line is not known
	Text  string
}

// Error returns "config.yaml:12: text".
func (p Problem) Error() string {
	if p.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", p.Where, p.Line, p.Text)
	}
	return p.Where + ": " + p.Text
}

// Flag reports whether the mistake was made on the command line.
func (p Problem) Flag() bool { return strings.HasPrefix(p.Where, setFlag) }

// Problems are all the mistakes that were found.
type Problems []Problem

// Error tells one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the single problems, for errors.As.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// err returns ps as an error, nil where there are none.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// sorted returns the problems of each place in the order of its lines, the places
// as they came.
func (ps Problems) sorted() Problems {
	order := map[string]int{}
	for _, p := range ps {
		if _, known := order[p.Where]; !known {
			order[p.Where] = len(order)
		}
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(order[a.Where]-order[b.Where], a.Line-b.Line)
	})
	return ps
}

func (ps *Problems) add(at place, format string, args ...any) {
	*ps = append(*ps, Problem{Where: at.file, Line: at.line, Text: fmt.Sprintf(format, args...)})
}

// A place is where a value was written.
type place struct {
	file string // or the flag, or the variable
	line int
}

// setFlag begins the name of a place on the command line.
const setFlag = "--set"
