package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"gatepost/internal/control"
)

// ask has the request done and prints its one result.
func ask[R any](p *program, cmd *cobra.Command, r control.Request, human func(R)) error {
	var result R
	if err := p.do(cmd.Context(), r, &result); err != nil {
		return err
	}
	return p.print(result, func() { human(result) })
}

// askList has the request done and prints the list that results: a row each, or a
// sentence where there are none.
func askList[R any](p *program, cmd *cobra.Command, r control.Request, none string, head []string, row func(R) []any) error {
	list := []R{}
	if err := p.do(cmd.Context(), r, &list); err != nil {
		return err
	}
	if list == nil {
		list = []R{}
	}
	return p.print(list, func() {
		if len(list) == 0 {
			p.say("%s", none)
			return
		}
		t := newTable(p.out, head...)
		for _, item := range list {
			t.row(row(item)...)
		}
		t.flush()
	})
}

// print writes the result as JSON, or has human print it for a person.
func (p *program) print(result any, human func()) error {
	if !p.json {
		human()
		return nil
	}
	e := json.NewEncoder(p.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(result)
}

// say prints a line.
func (p *program) say(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

// A table prints rows in aligned columns.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer, head ...string) table {
	t := table{tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)}
	if len(head) > 0 {
		t.row(words(head)...)
	}
	return t
}

func words(s []string) []any {
	cells := make([]any, len(s))
	for i := range s {
		cells[i] = s[i]
	}
	return cells
}

func (t table) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, c := range cells {
		texts[i] = cell(c)
	}
	fmt.Fprintln(t.w, strings.TrimRight(strings.Join(texts, "\t"), "\t "))
}

func (t table) flush() { t.w.Flush() }

// maxCell is how many letters of a cell are shown.
const maxCell = 72

// cell writes a value for a person. What strangers wrote is in it: nothing of it
// reaches the terminal as a control sequence.
func cell(v any) string {
	switch v := v.(type) {
	case time.Time:
		if v.IsZero() {
			return "-"
		}
		return v.Local().Format("2006-01-02 15:04:05")
	case string:
		if v == "" {
			return "-"
		}
		s := printable(v)
		if utf8.RuneCountInString(s) > maxCell {
			s = string([]rune(s)[:maxCell-1]) + "…"
		}
		return s
	}
	return fmt.Sprint(v)
}

// printable replaces what could move a terminal's cursor, turn text around or
// break a line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, s)
}

// record prints one object: a name and a value a line.
func (p *program) record(pairs ...any) {
	t := newTable(p.out)
	for i := 0; i+1 < len(pairs); i += 2 {
		t.row(fmt.Sprint(pairs[i])+":", pairs[i+1])
	}
	t.flush()
}
