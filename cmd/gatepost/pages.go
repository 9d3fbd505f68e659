package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

// A search is a request whose result may be longer than one page.
type search[R any] struct {
	request func(ops.Page) control.Request
	id      func(R) string
}

// The longest page that a node answers with, and how many rows a person is shown
// who asked for no number.
const (
	longPage  = 1000
	shortList = 100
)

// paging adds the flags of a long list.
func paging(c *cobra.Command, page *ops.Page) {
	c.Flags().IntVar(&page.Limit, "limit", 0, "at most `N` rows (default: 100; all with --json)")
	c.Flags().StringVar(&page.After, "after", "", "go on after the row with this `id`: the next page")
}

// askPages has the search done page by page and prints the rows as one list.
func askPages[R any](p *program, cmd *cobra.Command, page ops.Page, s search[R], l listing[R]) error {
	if page.Limit < 0 {
		return usage("--limit %d is negative", page.Limit)
	}
	if page.Limit == 0 && !p.json {
		page.Limit = shortList
	}
	list, err := gather(page, s.id, func(at ops.Page) (rows []R, err error) {
		err = p.do(cmd.Context(), s.request(at), &rows)
		return rows, err
	})
	if err != nil {
		return err
	}
	return printList(p, list, l)
}

// gather asks for pages until there are page.Limit rows (0: all).
func gather[R any](page ops.Page, id func(R) string, ask func(ops.Page) ([]R, error)) (list []R, err error) {
	for {
		size := longPage
		if page.Limit > 0 {
			size = min(size, page.Limit-len(list))
		}
		rows, err := ask(ops.Page{Limit: size, After: page.After})
		if err != nil {
			return nil, err
		}
		more := len(rows) >= size && len(list)+size != page.Limit
		if more {
			rows = whole(rows, id)
		}
		list = append(list, rows...)
		if !more {
			return list, nil
		}
		page.After = id(rows[len(rows)-1])
	}
}

// whole leaves the rows of the last id to the next page: they may go on there, and
// the next page begins behind an id, not within one.
func whole[R any](rows []R, id func(R) string) []R {
	n := len(rows)
	last := id(rows[n-1])
	for n > 0 && id(rows[n-1]) == last {
		n--
	}
	if n == 0 {
		return rows
	}
	return rows[:n]
}
