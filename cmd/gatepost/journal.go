package main

import (
	"github.com/spf13/cobra"

	"gatepost/internal/control"
	"gatepost/internal/control/ops"
)

func (p *program) journal() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "journal",
		Short: "What became of each message, and why",
		Long:  "Searches the evidence of all transactions, refused ones too, and shows the walk of each.",
		Example: `  gatepost journal search --sender bob@example.net --since 2d
  gatepost journal show 01JD2QX7`,
	})
	c.AddCommand(p.journalSearch(), p.journalShow())
	return c
}

func (p *program) journalSearch() *cobra.Command {
	var r ops.JournalSearch
	c := &cobra.Command{
		Use:     "search",
		Short:   "Search by envelope, the newest first",
		Long:    "Searches the journal, the newest first, a row for each recipient. Flags narrow the search; all of them must hold.",
		Example: `  gatepost journal search --recipient ann@example.org --since 36h`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := func(at ops.Page) control.Request { r.Page = at; return r }
			id := func(r ops.Record) string { return r.ID }
			head := []string{"ID", "TIME", "CLIENT", "SENDER", "RECIPIENT", "STATE", "FILTER", "SUBJECT"}
			return askPages(p, cmd, r.Page, search[ops.Record]{request, id}, listing[ops.Record]{"nothing found", head, func(r ops.Record) []any {
				return []any{r.ID, r.Time, r.Client, sender(r.Sender), r.Recipient, r.State, r.Filter, r.Subject}
			}})
		},
	}
	f := c.Flags()
	f.StringVar(&r.ID, "id", "", "of this transaction (`id`)")
	f.StringVar(&r.Recipient, "recipient", "", "to this `address`")
	f.StringVar(&r.Sender, "sender", "", "from this `address` (reverse-path)")
	f.StringVar(&r.MessageID, "message-id", "", "with this Message-ID (`id`), with its brackets or without")
	f.StringVar(&r.Login, "login", "", "sent by this `address`, a mailbox's log-in or a sender")
	f.StringVar(&r.Domain, "domain", "", "to this domain (`name`)")
	f.StringVar(&r.Subject, "subject", "", "with this `text` in the subject")
	f.StringVar(&r.Client, "client", "", "from this `IP`")
	f.StringVar(&r.Helo, "helo", "", "from a client that gave this `name`")
	f.StringVar(&r.Filter, "filter", "", "decided by this filter (`name`)")
	f.StringVar(&r.State, "state", "", "with this `outcome`: delivered, held, refused …")
	p.period(f, &r.Since, &r.Until)
	paging(c, &r.Page)
	return c
}

func (p *program) journalShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Show one transaction with every step of its walks",
		Example: `  gatepost journal show 01JD2QX7`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(p, cmd, ops.JournalShow{ID: args[0]}, p.showRecord)
		},
	}
}

func (p *program) showRecord(r ops.RecordDetail) {
	p.record("id", r.ID, "time", r.Time, "client", r.Client, "helo", r.Helo, "sender", sender(r.Sender), "log-in", r.Login,
		"subject", r.Subject, "size", r.Size, "reply", r.Reply)
	p.say("")
	p.showWalks(r.Walks)
	if len(r.Deliveries) > 0 {
		p.say("")
		p.showDeliveries(r.Deliveries)
	}
}
