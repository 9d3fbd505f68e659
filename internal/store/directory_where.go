package store

import "strings"

// A where collects conditions. Callers add theirs in one fixed order, so that
// the texts stay a small set (see Tx).
type where struct {
	terms []string
	args  []any
}

func (w *where) add(term string, args ...any) {
	w.terms = append(w.terms, term)
	w.args = append(w.args, args...)
}

func (w *where) addIf(wanted bool, term string, args ...any) {
	if wanted {
		w.add(term, args...)
	}
}

// String returns the clause, or nothing where there are no conditions.
func (w *where) String() string {
	if len(w.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.terms, " AND ")
}
