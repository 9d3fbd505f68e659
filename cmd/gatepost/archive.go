package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gatepost/internal/config"
	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) archives() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "archive",
		Short: "Archives of all mail of a domain",
		Long: `Lists, opens, searches and exports archives: all mail in and out of a domain, as it was taken, which
nobody can change. A domain has one once domain set --archive-days says for how long mail is kept. What is
done here, and what readers look at, is noted: see archive audit.`,
		Example: `  gatepost domain set example.org --archive-days 3650
  gatepost archive open example.org auditor@example.org --until 2026-12-31 --why "case 17"`,
	})
	c.AddCommand(p.archiveList(), p.archiveOpen(), p.archiveClose(), p.archiveSearch(), p.archiveExport(), p.archiveAudit(), p.archiveRemove())
	return c
}

func (p *program) archiveList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the archives, and to whom they are open",
		Example: `  gatepost archive list`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd, ops.ArchiveList{}, func(list []ops.Archive) {
				if len(list) == 0 {
					p.say("no archives")
					return
				}
				t := p.table()
				t.row("DOMAIN", "DAYS", "MESSAGES", "SIZE", "MONTHS", "OPEN TO", "UNTIL", "WHY")
				for _, a := range list {
					row := []any{a.Domain, archiveDays(a.Days), a.Messages, config.Size(a.Bytes).String(), len(a.Months)}
					if len(a.Open) == 0 {
						t.row(append(row, "", "", "")...)
					}
					for _, o := range a.Open {
						t.row(append(row, o.Reader, untilText(o), short(o.Why))...)
					}
				}
				t.flush()
			})
		},
	}
}

// archiveDays is for how long an archive keeps mail, for a person.
func archiveDays(days int) string {
	if days == 0 {
		return "off"
	}
	return daysText(days)
}

func untilText(o ops.Opening) any {
	if o.Until == nil {
		return "no end"
	}
	return *o.Until
}

func (p *program) archiveOpen() *cobra.Command {
	var r ops.ArchiveOpen
	c := &cobra.Command{
		Use:   "open DOMAIN USER [--until DATE] [--why TEXT]",
		Short: "Let somebody read an archive",
		Long: `Lets the owner of a mailbox read the archive of a domain: he finds its folders in his mail program as
Shared/_archive@DOMAIN/In/2026-11 and Shared/_archive@DOMAIN/Out/2026-11. He can change nothing there, and what he
opens, looks for, reads and copies is noted. He is told by mail.`,
		Example: `  gatepost archive open example.org auditor@example.org --until 2026-12-31 --why "case 17"`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Domain, r.Reader = args[0], args[1]
			return ask(p, cmd, r, func(o ops.Opening) {
				p.say("open to %s: %s", printable(o.Reader), printable(o.Name))
			})
		},
	}
	c.Flags().Var(day{&r.Until, p.zone}, "until", "it closes by itself then (`2026-12-31`, which is the end of that day)")
	c.Flags().StringVar(&r.Why, "why", "", "the reason, as `text`; it is noted")
	c.Flags().BoolVar(&r.Quiet, "quiet", false, "don't tell him by mail")
	return c
}

func (p *program) archiveClose() *cobra.Command {
	return &cobra.Command{
		Use:     "close DOMAIN USER",
		Short:   "Let somebody read an archive no more",
		Example: `  gatepost archive close example.org auditor@example.org`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.ArchiveClose{Domain: args[0], Reader: args[1]}, func(ops.Nothing) {
				p.say("closed to %s", printable(args[1]))
			})
		},
	}
}

// archiveFilter adds the flags that say what mail of an archive is meant.
func (p *program) archiveFilter(f *pflag.FlagSet, q *ops.ArchiveFilter) {
	f.StringVar(&q.From, "from", "", "`text` in From or the reverse-path")
	f.StringVar(&q.To, "to", "", "`text` in To or Cc, or in an address that it went to, Bcc among them")
	f.StringVar(&q.Subject, "subject", "", "`text` in the subject")
	f.StringVar(&q.Text, "text", "", "`text` anywhere in the header and the texts")
	p.period(f, &q.Since, &q.Until)
}

func (p *program) archiveSearch() *cobra.Command {
	var r ops.ArchiveSearch
	var page ops.Page
	c := &cobra.Command{
		Use:   "search DOMAIN [--from TEXT] [--to TEXT] [--subject TEXT] [--text TEXT] [--since TIME] [--until TIME]",
		Short: "Look for mail in an archive",
		Long:  "Looks for mail of which all that is given is true, the latest month first. Texts are parts, in any case. It is noted what was looked for.",
		Example: `  gatepost archive search example.org --from ann@ --subject invoice --since 2026-01-01
  gatepost archive search example.org --text "project x"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Domain = args[0]
			request := func(at ops.Page) control.Request {
				r.Page = at
				return r
			}
			id := func(m ops.ArchivedMail) string { return m.ID }
			head := []string{"ID", "FOLDER", "DATE", "BYTES", "SENDER", "RECIPIENTS", "SUBJECT"}
			return askPages(p, cmd, page, search[ops.ArchivedMail]{request, id}, listing[ops.ArchivedMail]{"nothing found", head, func(m ops.ArchivedMail) []any {
				return []any{m.ID, m.Folder, m.Date, m.Size, m.Sender, join(m.Recipients), short(m.Subject)}
			}})
		},
	}
	p.archiveFilter(c.Flags(), &r.ArchiveFilter)
	paging(c, &page)
	return c
}

func (p *program) archiveExport() *cobra.Command {
	var r ops.ArchiveExport
	c := &cobra.Command{
		Use:   "export DOMAIN PATH",
		Short: "Write mail of an archive into files",
		Long: `Writes all mail of an archive, or what the flags of search leave of it. PATH's name tells the form: a zip with a message a
file (mail.zip), an mbox (mail.mbox), or else the directory of a Maildir. Nothing that is there is written over. The
node writes, as its own user; it is noted.`,
		Example: `  gatepost archive export example.org /srv/export/case-17.zip --from ann@example.org --since 2026-01-01`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[1])
			if err != nil {
				return fmt.Errorf("export: %w", err)
			}
			r.Domain, r.Path = args[0], path
			return ask(p, cmd, r, func(e ops.MailboxExported) {
				p.record("exported to", e.Path, "folders", e.Folders, "messages", e.Messages, "bytes", e.Octets)
			})
		},
	}
	p.archiveFilter(c.Flags(), &r.ArchiveFilter)
	return c
}

func (p *program) archiveAudit() *cobra.Command {
	var r ops.ArchiveAudit
	var page ops.Page
	c := &cobra.Command{
		Use:   "audit DOMAIN",
		Short: "Show what was done with an archive",
		Long: `Shows who opened an archive to whom, who looked for what, which messages were read, copied and exported, and which months
were removed, the latest first. It is kept for ten years, also where the archive was removed.`,
		Example: `  gatepost archive audit example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Domain = args[0]
			request := func(at ops.Page) control.Request {
				r.Page = at
				return r
			}
			id := func(a ops.ArchiveAct) string { return a.ID }
			head := []string{"TIME", "WHO", "WHAT", "ABOUT"}
			return askPages(p, cmd, page, search[ops.ArchiveAct]{request, id}, listing[ops.ArchiveAct]{"nothing was done", head, func(a ops.ArchiveAct) []any {
				return []any{a.Time, a.Who, a.What, a.About}
			}})
		},
	}
	paging(c, &page)
	return c
}

func (p *program) archiveRemove() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "remove DOMAIN --yes",
		Short: "Remove an archive with all that is in it",
		Long: `Removes the archive of a domain for good, and has it keep no more. To keep no more and leave what is there, see
domain set --archive-days off.`,
		Example: `  gatepost archive remove example.org --yes`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				return usage("this removes all mail that the archive of %s has, for good; say --yes if that is meant", args[0])
			}
			return ask(p, cmd, ops.ArchiveRemove{Domain: args[0]}, func(ops.Nothing) { p.say("removed the archive of %s", printable(args[0])) })
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "it is meant")
	return c
}
