package main

import (
	"time"

	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) mailboxDeleted() *cobra.Command {
	var r ops.MailboxDeleted
	var page ops.Page
	c := &cobra.Command{
		Use:   "deleted ADDRESS",
		Short: "List deleted mail that can be brought back",
		Long: "Lists the mail of a mailbox that was deleted for good, by expunging it or with its folder, and can be brought back (keeping.deleted), the latest first. " +
			"What lies in Trash is not among it: its owner moves it back.",
		Example: `  gatepost mailbox deleted ann@example.org --since 2d`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Address = args[0]
			request := func(at ops.Page) control.Request {
				r.Page = at
				return r
			}
			id := func(m ops.DeletedMail) string { return m.ID }
			head := []string{"ID", "DELETED", "FOLDER", "DATE", "BYTES", "FROM", "SUBJECT"}
			return askPages(p, cmd, page, search[ops.DeletedMail]{request, id}, listing[ops.DeletedMail]{"no deleted mail", head, func(m ops.DeletedMail) []any {
				return []any{m.ID, m.Deleted, m.Folder, m.Date, m.Size, m.From, short(m.Subject)}
			}})
		},
	}
	c.Flags().Var(moment{&r.Since, p.now, p.zone}, "since", "deleted since this day or time (2026-11-22, 9:00), or age (36h, 7d)")
	paging(c, &page)
	return c
}

func (p *program) mailboxRecover() *cobra.Command {
	var since time.Time
	c := &cobra.Command{
		Use:   "recover ADDRESS [ID...|--since TIME]",
		Short: "Bring deleted mail back",
		Long: "Puts deleted mail back, by the ids that `mailbox deleted` lists, or all that was deleted since a time. It comes into the folder that it was in; " +
			"where that is gone, or was Trash, into the folder Recovered.",
		Example: `  gatepost mailbox recover ann@example.org 4711 4712
  gatepost mailbox recover ann@example.org --since 9:00`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) > 1) != since.IsZero() {
				return usage("give either ids or --since")
			}
			return ask(p, cmd, ops.MailboxRecover{Address: args[0], IDs: args[1:], Since: since}, func(done ops.Recovered) {
				p.say("%d messages are back in %s", done.Messages, orNone(join(done.Folders)))
				if done.Full {
					p.warn([]string{"the mailbox is over its quota now: it takes no new mail until there is room"})
				}
			})
		},
	}
	c.Flags().Var(moment{&since, p.now, p.zone}, "since", "all that was deleted since this day or time (2026-11-22, 9:00), or age (36h, 7d)")
	return c
}

func orNone(s string) string {
	if s == "" {
		return "no folder"
	}
	return s
}
