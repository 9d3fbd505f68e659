package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"gatepost/internal/control/ops"
)

func (p *program) backup() *cobra.Command {
	var r ops.Backup
	c := &cobra.Command{
		Use:   "backup DIR",
		Short: "Copy the whole node, while it runs",
		Long: `Copies the whole node into a directory: the rows as they are at one moment, and the
mail that they name. It goes on serving meanwhile. What is in the directory from the backup before
is not copied again. A backup that is cut off leaves those before it as they were.

The node writes it, so the directory must be one that the node's user may write to; it
should be on another disk.`,
		Example: `  gatepost backup /srv/backup/gatepost --keep 7`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if r.Dir, err = filepath.Abs(args[0]); err != nil {
				return fmt.Errorf("backup: %w", err)
			}
			if r.Keep < 1 {
				return usage("--keep is %d, and must be 1 or more", r.Keep)
			}
			return ask(p, cmd, r, func(b ops.BackupReport) {
				p.record("backup", b.Dir, "made", b.Made, "files", b.Files, "bytes", b.Octets, "copied", b.Copied)
			})
		},
	}
	c.Flags().IntVar(&r.Keep, "keep", 2, "how many backups stay in the directory, this one included (`number`)")
	return c
}

func (p *program) restore() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:   "restore DIR --to DATADIR",
		Short: "Make a node of a backup",
		Long: `Makes a node of the newest backup in a directory. The data directory must be empty, and so must
the database where the configuration names one. Every file is compared with its checksum.

Mail that came after the backup is lost; mail programs that saw it learn so. What waited in
the queue for other servers is held, since it may have left after the backup: gatepost queue list --state held
shows it, gatepost queue release sends it. Everybody is logged out of the pages.`,
		Example: `  gatepost restore /srv/backup/gatepost --to /var/lib/gatepost
  gatepost check store --data /var/lib/gatepost`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return usage("--to is missing: the data directory of the new node")
			}
			p.data = to
			cfg, err := p.load()
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			r, err := p.node.restore(ctx, cfg, args[0], p.quiet())
			if err != nil {
				return err
			}
			return p.print(r, func() {
				p.record("restored to", r.Data, "backup of", r.Made, "made on", r.Host, "files", r.Files, "bytes", r.Octets)
			})
		},
	}
	c.Flags().StringVar(&to, "to", "", "the new data `directory`")
	return c
}
