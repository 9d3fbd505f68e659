package store

import (
	"slices"
	"strings"
)

// counts are the references to contents that a transaction makes and gives up. They
// are written last, in order of the contents' ids: many boxes have mail of one
// content, and two transactions that locked contents as they came by them could wait
// for each other.
type counts []count

type count struct {
	blob string
	size int64 // of a content that is referred to; less than 0: a reference less
}

// ref counts one more row that names the content, in the commit that makes it.
func (t *Tx) ref(blob string, size int64) { t.counts = append(t.counts, count{blob, size}) }

// unref counts one row less.
func (t *Tx) unref(blob string) { t.counts = append(t.counts, count{blob, -1}) }

func (c counts) write(tx *Tx) error {
	slices.SortStableFunc(c, func(a, b count) int { return strings.Compare(a.blob, b.blob) })
	for _, n := range c {
		var err error
		if n.size < 0 {
			err = unrefBlob(tx, n.blob)
		} else {
			err = refBlob(tx, n.blob, n.size)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
