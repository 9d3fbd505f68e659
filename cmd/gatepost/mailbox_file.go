package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) mailboxExport() *cobra.Command {
	return &cobra.Command{
		Use:   "export ADDRESS PATH",
		Short: "Write a mailbox's mail into files",
		Long: `Writes all folders of a mailbox, with flags and dates, while it is in use. PATH's name tells
the form: a zip with a message a file (mail.zip), an mbox (mail.mbox), or else the directory of a
Maildir with subfolders as Dovecot has them. Nothing that is there is written over. The node
writes, as its own user.`,
		Example: `  gatepost mailbox export ann@example.org /srv/export/ann.zip`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[1])
			if err != nil {
				return fmt.Errorf("export: %w", err)
			}
			return ask(p, cmd, ops.MailboxExport{Address: args[0], Path: path}, func(e ops.MailboxExported) {
				p.record("exported to", e.Path, "folders", e.Folders, "messages", e.Messages, "bytes", e.Octets)
			})
		},
	}
}

func (p *program) mailboxImport() *cobra.Command {
	var folder string
	c := &cobra.Command{
		Use:   "import ADDRESS PATH",
		Short: "Bring mail from files into a mailbox",
		Long: `Brings the messages of a zip, an mbox, a Maildir with its subfolders, or a directory of any
of them into a mailbox, with flags and dates, into folders of the same names. What a folder has already
is left out, so an import that was cut off is gone on with by the same command. What can't be
read is told, and the rest goes on. The node reads, as its own user.`,
		Example: `  gatepost mailbox import ann@example.org /srv/old/ann/Maildir
  gatepost mailbox import ann@example.org /srv/old/archive.mbox --folder "Old mail"`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[1])
			if err != nil {
				return fmt.Errorf("import: %w", err)
			}
			return ask(p, cmd, ops.MailboxImport{Address: args[0], Path: path, Folder: folder}, func(i ops.MailboxImported) {
				p.record("imported", i.Messages, "known", i.Known, "bad", i.Bad)
				p.warn(i.Faults)
			})
		},
	}
	c.Flags().StringVar(&folder, "folder", "", "bring the inbox into this folder, and the others beneath it (`name`)")
	return c
}
