package main

import (
	"encoding/json"
	"fmt"
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

// askList has the request done and prints the list that results.
func askList[R any](p *program, cmd *cobra.Command, r control.Request, l listing[R]) error {
	list := []R{}
	if err := p.do(cmd.Context(), r, &list); err != nil {
		return err
	}
	return printList(p, list, l)
}

// A listing says how a list is shown to a person: a row each, or a sentence where
// there are none.
type listing[R any] struct {
	none string
	head []string
	row  func(R) []any
}

func printList[R any](p *program, list []R, l listing[R]) error {
	if list == nil {
		list = []R{}
	}
	return p.print(list, func() {
		if len(list) == 0 {
			p.say("%s", l.none)
			return
		}
		t := p.table(l.head...)
		for _, item := range list {
			t.row(l.row(item)...)
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

// warn tells what was done and comes to nothing, where it does not mix with results.
func (p *program) warn(warnings []string) {
	for _, w := range warnings {
		fmt.Fprintf(p.errs, "gatepost: warning: %s\n", printable(w))
	}
}

// A table prints rows in aligned columns.
type table struct {
	w    *tabwriter.Writer
	zone *time.Location
	wide bool // long cells are shown whole
}

func (p *program) table(head ...string) table {
	t := table{w: tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0), zone: p.zone}
	if len(head) > 0 {
		t.line(head)
	}
	return t
}

func (t table) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, c := range cells {
		texts[i] = cell(c, t.zone)
		if !t.wide {
			texts[i] = short(texts[i])
		}
	}
	t.line(texts)
}

func (t table) line(cells []string) {
	fmt.Fprintln(t.w, strings.TrimRight(strings.Join(cells, "\t"), "\t "))
}

func (t table) flush() { t.w.Flush() }

// maxCell is how many letters of a cell are shown.
const maxCell = 72

// cell writes a value for a person. What strangers wrote is in it: nothing of it
// reaches the terminal as a control sequence.
func cell(v any, zone *time.Location) string {
	switch v := v.(type) {
	case time.Time:
		if v.IsZero() {
			return "-"
		}
		return v.In(zone).Format("2006-01-02 15:04:05")
	case string:
		if v == "" {
			return "-"
		}
		return printable(v)
	}
	return fmt.Sprint(v)
}

func short(s string) string {
	if utf8.RuneCountInString(s) <= maxCell {
		return s
	}
	return string([]rune(s)[:maxCell-1]) + "…"
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

// wrap breaks a text at blanks into lines of at most 80 letters.
func wrap(text string) string {
	var b strings.Builder
	at := 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case at == 0:
		case at+1+n > 80:
			b.WriteByte('\n')
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}

// record prints one object: a name and a value a line.
func (p *program) record(pairs ...any) {
	t := p.table()
	t.wide = true
	for i := 0; i+1 < len(pairs); i += 2 {
		t.row(fmt.Sprint(pairs[i])+":", pairs[i+1])
	}
	t.flush()
}
