package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) fingerprint() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "fingerprint",
		Short: "Documents that are not to leave",
		Long: `Marks documents as confidential. The filter fingerprint, where a policy has it, holds mail of people here that has a
good part of one. Hashes of some of its words are kept, not the text.`,
		Example: `  gatepost fingerprint add plan.txt --domain example.org
  gatepost fingerprint list`,
	})
	c.AddCommand(p.fingerprintAdd(), p.fingerprintList(), p.fingerprintRemove())
	return c
}

// maxDocument bounds what is read of a document, in octets.
const maxDocument = 16 << 20

func (p *program) fingerprintAdd() *cobra.Command {
	var r ops.FingerprintAdd
	c := &cobra.Command{
		Use:   "add FILE.txt",
		Short: "Mark a document as confidential",
		Long: `Marks the text in a file (UTF-8; of an office document or PDF export it first), or of standard input where FILE is "-".
Of more than 16 MiB the beginning counts.`,
		Example: `  gatepost fingerprint add plan.txt --domain example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := p.in
			if r.Name = filepath.Base(args[0]); args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("fingerprint: %w", err)
				}
				defer f.Close()
				in = f
			}
			b, err := io.ReadAll(io.LimitReader(in, maxDocument))
			if err != nil {
				return fmt.Errorf("fingerprint: %w", err)
			}
			r.Content = b
			return ask(p, cmd, r, func(f ops.Fingerprint) { p.record("id", f.ID, "name", f.Name, "domain", f.Domain, "runs", f.Shingles) })
		},
	}
	c.Flags().StringVar(&r.Domain, "domain", "", "look for it in mail of this domain (`name`) alone")
	return c
}

func (p *program) fingerprintList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List documents that are confidential",
		Long:    "Lists the documents that are not to leave, with the domain in whose mail each is looked for.",
		Example: `  gatepost fingerprint list`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			head := []string{"ID", "NAME", "DOMAIN", "ADDED"}
			return askList(p, cmd, ops.FingerprintList{}, listing[ops.Fingerprint]{"no documents", head, func(f ops.Fingerprint) []any {
				return []any{f.ID, f.Name, f.Domain, f.Added}
			}})
		},
	}
}

func (p *program) fingerprintRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove ID",
		Short:   "Look for a document no more",
		Long:    "Removes a document, named by the id that list shows: it may leave again.",
		Example: `  gatepost fingerprint remove 3`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.FingerprintRemove{ID: args[0]}, func(ops.Nothing) { p.say("removed %s", printable(args[0])) })
		},
	}
}
