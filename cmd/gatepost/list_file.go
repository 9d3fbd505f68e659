package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) listExport() *cobra.Command {
	var r ops.ListExport
	c := &cobra.Command{
		Use:   "export [--scope SCOPE]",
		Short: "Write entries to a CSV file",
		Long: "Writes entries as CSV to standard output, however many there are. `list import` reads them. " +
			"A text that a spreadsheet would take for a formula has an apostrophe before it.",
		Example: `  gatepost list export
  gatepost list export --scope example.org`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.json {
				return usage("list export writes CSV; `gatepost list list --json` has the entries as JSON")
			}
			for {
				var file ops.ListFile
				if err := p.do(cmd.Context(), r, &file); err != nil {
					return err
				}
				if _, err := io.WriteString(p.out, file.CSV); err != nil {
					return fmt.Errorf("write the list: %w", err)
				}
				if r.After = file.Next; r.After == 0 {
					return nil
				}
			}
		},
	}
	c.Flags().StringVar(&r.Scope, "scope", "", "only entries of this `scope`: global, a domain, a mailbox")
	return c
}

func (p *program) listImport() *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use:   "import FILE.csv",
		Short: "Add the entries of a CSV file",
		Long: `Adds the entries of a CSV file, or of standard input where FILE is "-". Its first line
names the columns, in any order: list and value must be there; kind, scope, origin,
note, created, expires, hits and last_hit may. Entries that are there already stay as
they are. A line that is not right is told and left out, and the exit status is 1.`,
		Example: `  gatepost list import lists.csv --dry-run
  gatepost list import lists.csv`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := p.in
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("import: %w", err)
				}
				defer f.Close()
				in = f
			}
			done := ops.ListImported{Faults: []ops.ListFault{}}
			err := parts(in, partSize, func(part ops.ListImport) error {
				var more ops.ListImported
				part.DryRun = dry
				err := p.do(cmd.Context(), part, &more)
				add(&done, more)
				return err
			})
			if err != nil && done.Added+done.Existing+done.Failed == 0 {
				return err
			}
			return errors.Join(p.print(done, func() { p.showImported(done, dry) }), err, failures(done))
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "only tell what would be done")
	return c
}

const (
	// partSize is from how many bytes on a part of a file goes in one request.
	partSize = 4 << 20
	// maxFaults bounds how many faults of a file are told.
	maxFaults = 100
	// maxListLine bounds a line of it, in bytes; nodes take shorter ones.
	maxListLine = 16 << 10
)

// parts cuts a CSV file into requests of about that size, each with the file's first line.
func parts(r io.Reader, size int, send func(ops.ListImport) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxListLine)
	if !lines.Scan() {
		return errors.Join(lines.Err(), usage("the file is empty; its first line names the columns"))
	}
	head := strings.TrimPrefix(lines.Text(), "\ufeff") // which Excel puts before UTF-8
	before, n := 1, 1                                  // lines of the parts that are sent, and of all that were read
	var part strings.Builder
	flush := func() error {
		err := send(ops.ListImport{CSV: part.String(), Head: head, After: before})
		before = n
		part.Reset()
		return err
	}
	for lines.Scan() {
		n++
		part.WriteString(lines.Text() + "\n")
		if part.Len() >= size {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("import: line %d: %w", n+1, err)
	}
	if part.Len() == 0 && before > 1 {
		return nil
	}
	return flush()
}

func add(to *ops.ListImported, more ops.ListImported) {
	to.Added, to.Existing, to.Failed = to.Added+more.Added, to.Existing+more.Existing, to.Failed+more.Failed
	room := min(maxFaults-len(to.Faults), len(more.Faults))
	to.Faults = append(to.Faults, more.Faults[:room]...)
}

func (p *program) showImported(done ops.ListImported, dry bool) {
	for _, f := range done.Faults {
		fmt.Fprintf(p.errs, "line %d: %s\n", f.Line, printable(f.Text))
	}
	verb := "added"
	if dry {
		verb = "would be added"
	}
	p.say("%d %s, %d there already, %d left out", done.Added, verb, done.Existing, done.Failed)
}

func failures(done ops.ListImported) error {
	if done.Failed == 0 {
		return nil
	}
	return fmt.Errorf("lines left out: %d", done.Failed)
}
